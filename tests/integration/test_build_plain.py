"""Plain `docker build` makes the image that the pipeline makes: the pipeline adds settings, nothing else."""

import pytest

from deploy.build.host_settings import host_settings
from deploy.image_config import ImageConfig
from deploy.uv_lock import locked_version
from tests.integration.conftest import Images, execute
from tests.support.checkout import PROJECT

NAME = "ktrdr-try-plain:backend"


@pytest.fixture
def plain(images: Images) -> dict[str, object]:
    """Build the backend with the docker command alone, and return what the engine says of it.

    The base image and the directory with uv stand in for the registries that hold them.
    """
    settings = host_settings(locked_version("torch", PROJECT.lock), PROJECT.cache)
    command = [*images.engine.command(), "build", "-f", images.contract.images["backend"].dockerfile, "-t", NAME]
    command += ["--build-arg", f"PYTHON_IMAGE={images.records['backend'].base.reference}"]
    command += ["--build-context", f"uv={settings.contexts['uv']}"]
    command += [word for secret in settings.secrets for word in ("--secret", secret)]
    command += [word for name, value in settings.build_args.items() for word in ("--build-arg", f"{name}={value}")]
    try:
        ended = execute(*command, ".", env=settings.environment)
        assert ended.code == 0, settings.redact(str(ended))
        return dict(images.client.api.inspect_image(NAME))
    finally:
        for image in images.client.images.list(NAME):
            if NAME in image.tags:
                images.client.images.remove(NAME)


def test_plain_docker_build_makes_the_same_image(images: Images, plain: dict[str, object]) -> None:
    assert ImageConfig.from_inspect(plain).identity == images.records["backend"].identity
