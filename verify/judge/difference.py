"""What changed in an image since the baseline: bytes by distribution, versions, modules. Pure."""

from collections import Counter
from typing import Literal

from pydantic import Field

from deploy.artifacts import Model
from deploy.sizes import megabytes
from verify.contents.model import Contents

BASELINE = "deploy/docker/baseline.json"
NO_DISTRIBUTION = "(no distribution)"
SHOWN = 4  # distributions named in a sentence
KB, MB = 10**3, 10**6


class LayerBytes(Model):
    """One layer's unpacked bytes, and by distribution ("" for what none owns)."""

    unpacked_bytes: int
    by_distribution: dict[str, int]


class ImageBaseline(Model):
    """One image as a named run left it. ``layers``: those above the base image's, the lowest first."""

    revision: str  # of the checkout that was built
    dirty: bool
    started: str  # of the verification, UTC, ISO 8601
    identity: str
    base_bytes: int  # of the base image, which may be another elsewhere: shown, never compared
    layers: list[LayerBytes]
    versions: dict[str, str]  # distribution -> version
    records: dict[str, str] = Field(
        default_factory=dict
    )  # distribution -> digest of its RECORD, where the lock's wheel decides that
    new_modules: int | None  # that importing the application loaded

    @property
    def run(self) -> str:
        """The run's name."""
        return f"{self.revision[:12]}{' with changes' if self.dirty else ''}, {self.started[:10]}"


class Baseline(Model):
    """``baseline.json``."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    images: dict[str, ImageBaseline]  # by role


class Difference(Model):
    """What changed since the baseline, above the base image. Bytes are unpacked bytes, signed."""

    run: str  # the baseline's
    added_bytes: int
    by_distribution: dict[str, int]  # the largest change first; "" for what no distribution owns
    versions: dict[str, list[str]]  # distribution -> [then, now]; "" where it is not there
    new_modules: int | None = None

    @property
    def words(self) -> str:
        """What changed, in a line: ``+41.0 MB: pandas +30.0 MB, numpy +11.0 MB (1.26 to 2.0); +12 modules``."""
        return self._bytes + (f"; {self.new_modules:+} modules" if self.new_modules else "")

    @property
    def _bytes(self) -> str:
        if not self.by_distribution:
            return "no byte more or less than the baseline" if not self.versions else "other versions, the same bytes"
        shown = list(self.by_distribution.items())[:SHOWN]
        rest = len(self.by_distribution) - len(shown)
        named = [f"{name or NO_DISTRIBUTION} {signed(size)}{self._versions(name)}" for name, size in shown]
        return f"{signed(self.added_bytes)}: {', '.join(named)}{f' and {rest} more' if rest else ''}"

    def _versions(self, name: str) -> str:
        then, now = self.versions.get(name, ("", ""))
        return f" ({then} to {now})" if then and now else ""


def is_pinned(name: str, version: str) -> bool:
    """Whether the lock's own wheel is what is installed: not so the application, and torch of another source."""
    return name != "ktrdr" and "+" not in version


def signed(size: int) -> str:
    """Bytes with their sign, in the unit that suits them."""
    if abs(size) >= MB // 10:
        return f"{megabytes(size, '+')} MB"
    return f"{size / KB:+,.1f} kB" if abs(size) >= KB // 10 else f"{size:+} B"


def by_distribution(layers: list[dict[str, int]]) -> Counter[str]:
    """Add layers up by distribution."""
    total: Counter[str] = Counter()
    for layer in layers:
        total.update(layer)
    return total


def difference(then: ImageBaseline, contents: Contents, base_layers: int, new_modules: int | None) -> Difference:
    """Return what changed between the baseline and these contents, above the base image's layers."""
    before = by_distribution([layer.by_distribution for layer in then.layers])
    now = by_distribution([layer.by_distribution for layer in contents.layers[base_layers:]])
    changes = {name: now[name] - before[name] for name in sorted(before | now)}
    versions = {
        distribution.name: distribution.version
        for distribution in contents.distributions
        if distribution.layer >= base_layers
    }
    return Difference(
        run=then.run,
        added_bytes=contents.added_bytes(base_layers) - sum(layer.unpacked_bytes for layer in then.layers),
        by_distribution={name: size for name, size in sorted(changes.items(), key=lambda item: -abs(item[1])) if size},
        versions={
            name: [then.versions.get(name, ""), versions.get(name, "")]
            for name in sorted(then.versions | versions)
            if then.versions.get(name) != versions.get(name)
        },
        new_modules=None if None in (new_modules, then.new_modules) else new_modules - then.new_modules,  # type: ignore[operator]  # both are numbers then
    )
