"""An observer that looks only where a fault is to be seen, so that the quick cut is quick."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from docker.types import DeviceRequest

from deploy.build_record import Base
from deploy.contract import Contract, Image
from deploy.engine.connection import Engine
from deploy.engine.runs import Run
from deploy.image_config import ImageConfig
from verify.contents.model import Contents
from verify.observe.control import Control
from verify.observe.model import ProbeRun, ServerRun, Subject
from verify.observe.observer import NO_BASES, Deadlines, Observer

Part = Literal["contents", "probes", "server"]
ALL: tuple[Part, ...] = ("contents", "probes", "server")
NOT_LOOKED_AT = "not looked at: the fault is to be seen elsewhere"

# What a check needs to see, beside the engine's own description of the image; a check that is not here needs all of it.
PARTS: Mapping[str, tuple[Part, ...]] = {
    **dict.fromkeys(("image-present", "built-here", "same-image", "configuration", "control", "history"), ()),
    **dict.fromkeys(
        (
            "python-runs", "proof", "torch-version", "torch-build", "torch-works", "cuda-runtime", "worker-types",
            "commands-run",
            "api-imports", "api-is-fastapi", "api-routes", "api-new-modules", "api-starts", "api-answers",
            "lazy-import", "lazy-start", "lazy-use", "healthcheck-tells",
        ),
        ("probes",),
    ),
    **dict.fromkeys(
        (
            "contents", "lock-parity", "size-total", "size-added", "size-growth", "no-repeated-bytes", "leftovers",
            "checkout-parity", "cuda-distributions", "cuda-libraries",
        ),
        ("contents",),
    ),
    **dict.fromkeys(
        ("platform", "torch", "cuda-libraries-agree", "distributions-agree", "python-unaltered", "user"),
        ("contents", "probes"),
    ),
    "server-answers": ("probes", "server"),
    **dict.fromkeys(
        ("server-healthy", "lazy-server", "server-limits", "server-at-once", "server-at-rest", "server-stops"),
        ("server",),
    ),
}  # fmt: skip


def parts_for(check: str) -> tuple[Part, ...]:
    """Return where a check looks; one of the contract's own looks for itself."""
    return () if check.startswith("own/") else PARTS.get(check, ALL)


class Glance(Observer):
    """Looks at some parts of an image. The others stay unseen, and what is not seen is never a PASS."""

    def __init__(
        self,
        engine: Engine,
        contract: Contract,
        run: Run,
        cache: Path,
        deadlines: Deadlines,
        *,
        bases: Mapping[str, Base] = NO_BASES,
        control: Control | None = None,
        parts: tuple[Part, ...] = ALL,
    ) -> None:
        super().__init__(engine, contract, run, cache, deadlines, bases=bases, control=control)
        self.parts = parts

    def _contents(self, image: Image, config: ImageConfig, base: Base | None) -> tuple[Contents | None, str]:
        return super()._contents(image, config, base) if "contents" in self.parts else (None, NOT_LOOKED_AT)

    def probe(
        self,
        image: Image,
        subject: Subject,
        request: dict[str, Any],
        name: str,
        devices: list[DeviceRequest] | None = None,
    ) -> ProbeRun:
        if "probes" in self.parts:
            return super().probe(image, subject, request, name, devices)
        return ProbeRun(nonce=request["nonce"], proof=None, seconds=0.0, results=None, error=NOT_LOOKED_AT)

    def _serve(self, image: Image, subject: Subject) -> ServerRun:
        if "server" in self.parts:
            return super()._serve(image, subject)
        nothing: dict[str, Any] = {"proof": None, "health": "none", "running": False, "seconds_to_healthy": None}
        return ServerRun(**nothing, reply="", asked=None, log="", error=NOT_LOOKED_AT)
