"""What an image is by its configuration and history, with every secret masked."""

from docker import DockerClient
from docker.errors import DockerException, ImageNotFound

from deploy.image_config import ImageConfig
from verify.observe.disclosure import masked
from verify.observe.model import Subject
from verify.observe.requests import unhealthy_after


class GoneError(DockerException):
    """An image was there, and is not any more."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"the image {image_id} is gone: it was rebuilt, or removed, while it was looked at")


def subject_of(client: DockerClient, tag: str, config: ImageConfig) -> Subject:
    """Return what the engine says of an image; raises GoneError where it was removed meanwhile."""
    try:
        history = client.api.history(config.image_id)
    except ImageNotFound:
        raise GoneError(config.image_id) from None
    return Subject(
        tag=tag,
        image_id=config.image_id,
        identity=config.identity,
        layers=list(config.layers),
        platform=config.platform,
        user=config.user,
        environment={name: masked(name, value) for name, value in config.environment.items()},
        command=[masked("", word) for word in config.command],
        entrypoint=[masked("", word) for word in config.entrypoint],
        healthcheck=[masked("", word) for word in config.healthcheck_test],
        shell=[masked("", word) for word in config.shell],
        volumes=sorted(masked("", path) for path in config.volumes),
        working_directory=masked("", config.working_directory),
        stop_signal=config.stop_signal,
        ports=sorted(config.exposed_ports),
        on_build=[masked("", line) for line in config.on_build],
        author=masked("", config.author),
        healthcheck_numbers=config.healthcheck.numbers if config.healthcheck else {},
        unhealthy_after=unhealthy_after(config),
        labels={name: masked(name, value) for name, value in config.labels.items()},
        history=[masked("", entry.get("CreatedBy") or "") for entry in history],
    )
