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
class RoleArtifacts:
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
class AllArtifacts:
    """The images' artifacts by role, in the roles' order."""

    of: Mapping[str, RoleArtifacts] = field(default_factory=dict)

    @property
    def contents(self) -> dict[str, Contents]:
        """The contents of the images whose layers were read."""
        return {role: found.contents for role, found in self.of.items() if found.contents}

    @property
    def records(self) -> dict[str, BuildRecord]:
        """The build records of the images that have one."""
        return {role: found.record for role, found in self.of.items() if found.record}

    @property
    def applications(self) -> dict[str, ApplicationReport]:
        """The application probe's reports by role."""
        return {role: found.application for role, found in self.of.items() if found.application}

    def base_layers(self, role: str) -> int:
        """How many of an image's layers are its base image's; 0 where no record says so."""
        record = self.of[role].record
        return len(record.base.layers) if record else 0


def read_all_artifacts(places: Mapping[str, Path]) -> AllArtifacts:
    """Read the artifacts of each role from its directory, except unreadable ones: the verdicts judge those."""
    return AllArtifacts({role: _of_role(place) for role, place in places.items()})


def _of_role(place: Path) -> RoleArtifacts:
    record, contents = read_or_none(place / BUILD, BuildRecord), read_or_none(place / CONTENTS, Contents)
    return RoleArtifacts(record, contents, read_or_none(place / OBSERVED, Observation))


def read_or_none(path: Path, model: type[M]) -> M | None:
    """Read an artifact; None where it is missing or unreadable."""
    try:
        return read_model(path, model)
    except (FileNotFoundError, UnreadableArtifact):
        return None
