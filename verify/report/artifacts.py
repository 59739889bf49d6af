"""The images' artifacts besides their verdicts: everything that the report draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from deploy.artifacts import BUILD, CONTENTS, OBSERVED, UnreadableArtifact, read_model
from deploy.build_record import BuildRecord
from verify.contents.model import Contents
from verify.observe.model import Observation
from verify.observe.probe_reports import ApplicationReport

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Material:
    """One image's artifacts; None where one is missing or unreadable."""

    record: BuildRecord | None = None
    contents: Contents | None = None
    observation: Observation | None = None

    @property
    def application(self) -> ApplicationReport | None:
        """What the application probe reported, where its report is well-formed."""
        run = self.observation.probes if self.observation else None
        result = (run.results or {}).get("application") if run else None
        try:
            return ApplicationReport.model_validate(result.report) if result and result.report else None
        except ValidationError:
            return None


@dataclass(frozen=True)
class Materials:
    """The images' artifacts by role, in the roles' order."""

    of: Mapping[str, Material] = field(default_factory=dict)

    @property
    def contents(self) -> dict[str, Contents]:
        """The contents of the images whose layers were read."""
        return {role: material.contents for role, material in self.of.items() if material.contents}

    @property
    def records(self) -> dict[str, BuildRecord]:
        """The build records of the images that have one."""
        return {role: material.record for role, material in self.of.items() if material.record}

    @property
    def applications(self) -> dict[str, ApplicationReport]:
        """The application probe's reports by role."""
        return {role: material.application for role, material in self.of.items() if material.application}

    def base_layers(self, role: str) -> int:
        """How many of an image's layers are its base image's; 0 where no record says so."""
        record = self.of[role].record
        return len(record.base.layers) if record else 0


def read_materials(places: Mapping[str, Path]) -> Materials:
    """Read the artifacts of each role from its directory, except unreadable ones: the verdicts judge those."""
    return Materials({role: _material(place) for role, place in places.items()})


def _material(place: Path) -> Material:
    observation = _read(place / OBSERVED, Observation)
    return Material(_read(place / BUILD, BuildRecord), _read(place / CONTENTS, Contents), observation)


def _read(path: Path, model: type[M]) -> M | None:
    try:
        return read_model(path, model)
    except (FileNotFoundError, UnreadableArtifact):
        return None
