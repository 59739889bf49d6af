"""Where a build's layers are cached beyond the engine: KTRDR_CACHE_FROM and KTRDR_CACHE_TO."""

import contextlib
from collections.abc import Mapping

from deploy.build.builder import OWN, builder
from deploy.engine.connection import ANSWER_SECONDS, ENGINE_ERRORS, Engine, sdk
from deploy.errors import Exit, Problem

NAMES = {"cache_from": "KTRDR_CACHE_FROM", "cache_to": "KTRDR_CACHE_TO"}
CONTAINERD = "io.containerd.snapshotter.v1"  # the driver type of an engine with containerd's image store
ELSEWHERE = ("registry", "local", "s3", "azblob")  # caches that lie outside of the image
OTHER_BUILDER = "docker buildx create --driver docker-container --name ktrdr"


def cache_options(role: str, environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return where layers are cached outside of the engine, as python-on-whales takes it; empty where nothing is set.

    For example ``type=registry,ref=registry.example/ktrdr/{role}:cache``; ``{role}`` becomes the role.

    Raises:
        Problem: a value is no list of ``key=value`` (exit 2).

    """
    options = {}
    for option, name in NAMES.items():
        if text := environ.get(name):
            pairs = [pair.partition("=") for pair in text.replace("{role}", role).split(",")]
            if not all(key and equals for key, equals, _ in pairs):
                next_step = "write key=value pairs with commas between them, type=… first"
                wrong = f"{name} is no list of key=value pairs"
                raise Problem("reading the cache's address", wrong, next_step, Exit.USAGE)
            options[option] = {key: value for key, _, value in pairs}
    return options


def check_export(engine: Engine, environ: Mapping[str, str]) -> None:
    """Refuse a cache that this engine's own builder cannot write: buildx would end the build with an error.

    The builder inside an engine (driver ``docker``) exports an inline cache only, unless the engine keeps its images in
    containerd's store. Where the engine does not say what it has, buildx decides. It also decides on GitHub's cache
    (gha), which it ignores outside of GitHub's runners, and on types that only it knows.

    Raises:
        Problem: the builder cannot write this cache (exit 3).

    """
    kind = cache_options("", environ).get("cache_to", {}).get("type")
    if kind in ELSEWHERE and builder(engine).driver == OWN and keeps_images(engine) == "itself":
        own = "the engine's own (driver docker) writes type=inline only"
        because = "because this engine does not keep its images in containerd's store"
        next_step = f"{OTHER_BUILDER}, then build with BUILDX_BUILDER=ktrdr; or use type=inline, or unset the setting"
        wrong = f"type={kind} needs another builder: {own}, {because}"
        raise Problem(f"preparing the cache of {NAMES['cache_to']}", wrong, next_step)


def keeps_images(engine: Engine) -> str:
    """Return who keeps the engine's images: ``containerd`` or the engine ``itself``; "" if unknown."""
    try:
        with contextlib.closing(sdk(engine, ANSWER_SECONDS)) as client:
            status = client.info().get("DriverStatus") or []
    except ENGINE_ERRORS:
        return ""
    return "containerd" if ["driver-type", CONTAINERD] in status else "itself"
