"""What surrounds a checkout changes no image: its owner's umask, settings of uv and buildx, a token in the remote."""

import subprocess
import sys
from pathlib import Path

import docker

from deploy.image_config import ImageConfig
from tests.integration.conftest import Checkout, Ended, execute

TOKEN = "hunter2correcthorsebatterystaple"  # noqa: S105 - the secret that must be in nothing
SETTINGS = {
    "UV_PYTHON": "3.9", "UV_PROJECT_ENVIRONMENT": "/nowhere/venv", "UV_LOCKED": "1", "UV_NO_CACHE": "1",
    "BUILDX_GIT_LABELS": "full", "BUILDX_GIT_CHECK_DIRTY": "1",
}  # fmt: skip


def narrow(directory: Path) -> None:
    """Leave a tree to its owner alone, as a checkout under umask 077 is."""
    for path in [directory, *directory.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def with_remote(directory: Path) -> None:
    """Make a git checkout of a directory, whose remote's address holds a token."""
    for words in (
        ("init", "--quiet"), ("add", "--all"),
        ("-c", "user.name=x", "-c", "user.email=x@y", "commit", "--quiet", "--message", "all"),
        ("remote", "add", "origin", f"https://deploy:{TOKEN}@git.example/ktrdr.git"),
    ):  # fmt: skip
        subprocess.run(["git", *words], cwd=directory, check=True, capture_output=True, timeout=60)


def narrowly(checkout: Checkout, *words: str) -> Ended:
    """Run a command in the checkout under umask 077, with all the settings."""
    shell = ("sh", "-c", 'umask 077; exec "$@"', "sh")
    return execute(*shell, sys.executable, "-m", *words, cwd=checkout.directory, env=SETTINGS, seconds=1200.0)


def test_the_backend_is_good_from_a_checkout_that_only_its_owner_may_read(
    checkout: Checkout, client: docker.DockerClient
) -> None:
    with_remote(checkout.directory)
    narrow(checkout.directory)
    built, verified = narrowly(checkout, "deploy", "build", "backend"), narrowly(checkout, "verify", "backend")
    assert (built.code, verified.code) == (0, 0), f"{built}\n{verified}"
    inspected = client.api.inspect_image(checkout.name("backend"))
    written = [path.read_text(errors="replace") for path in checkout.artifacts.root.rglob("*") if path.is_file()]
    history = client.api.history(checkout.name("backend"))
    assert not [
        one for one in (built.printed, verified.printed, str(inspected), str(history), *written) if TOKEN in one
    ]
    labels = ImageConfig.from_inspect(inspected).labels
    assert not [name for name in labels if name.startswith("com.docker.image.source")]
    assert "org.opencontainers.image.source" not in labels


def test_the_development_image_s_editable_source_can_be_read_by_its_user(checkout: Checkout) -> None:
    narrow(checkout.directory / "ktrdr")  # the rest would build torch's layer once more
    built, verified = narrowly(checkout, "deploy", "build", "dev"), narrowly(checkout, "verify", "dev")
    assert (built.code, verified.code) == (0, 0), f"{built}\n{verified}"
