"""Lets the engine push an image to a registry, and pull one by its digest; layers that are there are not sent again."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import docker
import docker.errors
import urllib3.exceptions

from deploy.engine.connection import ENGINE_ERRORS, Engine, sdk
from deploy.engine.trouble import classify
from deploy.errors import Exit, Problem
from deploy.image_config import ImageConfig
from deploy.publish.reference import Reference
from deploy.publish.wire import meaning

SILENCE_SECONDS = 120.0  # between two pieces of news of a transfer: an engine says something with every block


def config_of(engine: Engine, name: str) -> ImageConfig | None:
    """Return the configuration of the engine's image of this name; None where there is none.

    Raises:
        Problem: the engine does not answer (exit 3).

    """
    with _talking(engine, f"looking at {name}") as client:
        try:
            return ImageConfig.from_inspect(client.api.inspect_image(name))
        except docker.errors.ImageNotFound:
            return None


def push(engine: Engine, image_id: str, reference: Reference, say: Callable[[str], None]) -> None:
    """Push an image under the reference's tag. The engine forgets that tag again.

    Raises:
        Problem: registry or engine refuses, or falls silent (exit 3).

    """
    doing = f"pushing to {reference.repository}"
    with _talking(engine, doing) as client:
        client.api.tag(image_id, reference.repository, reference.version)
        try:
            news = client.api.push(reference.repository, reference.version, stream=True, decode=True)
            _follow(news, doing, reference, say)
        finally:
            with contextlib.suppress(*ENGINE_ERRORS):
                client.api.remove_image(reference.at(reference.version), noprune=True)


def pull(engine: Engine, reference: Reference, digest: str, say: Callable[[str], None]) -> ImageConfig:
    """Pull an image by its digest, and return its configuration.

    Raises:
        Problem: registry or engine refuses, or falls silent (exit 3).

    """
    name, doing = reference.at(digest), f"pulling {reference.at(digest)}"
    with _talking(engine, doing) as client:
        _follow(client.api.pull(reference.repository, digest, stream=True, decode=True), doing, reference, say)
        return ImageConfig.from_inspect(client.api.inspect_image(name))


@contextlib.contextmanager
def _talking(engine: Engine, doing: str) -> Any:
    try:
        with contextlib.closing(sdk(engine, SILENCE_SECONDS)) as client:
            yield client
    except Problem:
        raise
    except docker.errors.NotFound as error:
        raise Problem(doing, str(error.explanation or error), "./noxw -s build verify", Exit.FAILED) from None
    except (*ENGINE_ERRORS, urllib3.exceptions.HTTPError) as error:  # the latter in the midst of an answer
        trouble, words = classify(error)
        silent = f"no news for {SILENCE_SECONDS:g} s: the registry hangs, or the engine"
        next_step = "see that the registry answers and the engine runs, then the same again"
        raise Problem(doing, silent if trouble == "hung" else words, next_step) from None


def _follow(news: Iterable[dict[str, Any]], doing: str, reference: Reference, say: Callable[[str], None]) -> None:
    """Follow a transfer to its end. An engine tries again by itself where a registry fails for a moment."""
    failing = False
    for told in news:
        if wrong := str(told.get("error") or ""):
            words, next_step = meaning(0, wrong)
            said = f"{words} ({wrong})" if words else wrong
            raise Problem(doing, said, next_step.format(host=reference.host))
        if str(told.get("status") or "").startswith("Retrying") and not failing:
            failing = True
            say(f"{reference.host} fails; the engine tries again for up to a minute")
