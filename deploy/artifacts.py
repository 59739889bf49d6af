"""The files between the stages: ``artifacts/<role>/…``, written whole, read strictly."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.errors import Problem

# In the order of the stages: one that starts removes its own file and every later one.
STAGES = ("build.json", "build.log", "contents.json", "sbom.cdx.json", "observed.json", "verdict.json")
BUILD, LOG, CONTENTS, BILL, OBSERVED, VERDICT = STAGES

# Reports on all roles, in the root.
REPORTS = ("summary.json", "summary.md", "junit.xml", "report.html")

# The images at work together: a directory beside the roles', and the roles whose images take part.
E2E = "e2e"
OTHERS = "others"  # a directory with the verdicts on images that nobody here built, laid out as this one
GPU = "gpu"  # a directory with what `verify-gpu` says, laid out as this one
E2E_BACKEND, E2E_WORKER = E2E_ROLES = ("backend", "worker-cpu")

IDENTITY = "ktrdr:identity"  # the property of a bill of materials that says which image it is of

M = TypeVar("M", bound=BaseModel)


class Model(BaseModel):
    """A value in an artifact: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class UnreadableArtifact(Exception):
    """A file between stages that this version cannot read: the message names file, fault and next step."""


def write_text(path: Path, text: str) -> None:
    """Write a file whole: under a temporary name, then renamed, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_model(path: Path, model: BaseModel) -> None:
    """Write a model as indented JSON, whole."""
    write_text(path, model.model_dump_json(by_alias=True, indent=2) + "\n")


def read_model(path: Path, model: type[M]) -> M:
    """Read a model from a file.

    Raises:
        FileNotFoundError: there is none.
        UnreadableArtifact: it is corrupt, of another schema, or no file that can be read.

    """
    next_step = "run the stage that writes it again"
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableArtifact(f"{path}: {error}; {next_step}") from None
    known = model.model_fields["schema_"].default
    version = document.get("schema") if isinstance(document, dict) else None
    if version != known or isinstance(version, bool):
        raise UnreadableArtifact(
            f"{path}: schema {version!r}, this version reads {known}; {next_step} with this version"
        )
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UnreadableArtifact(f"{path}: {where}: {first['msg'].lower()}; {next_step}") from None


class Artifacts:
    """One directory of artifacts, a subdirectory a role."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, role: str, name: str) -> Path:
        """Return where a role's file lies."""
        return self.root / role / name

    def begin(self, role: str, stage: str) -> None:
        """Remove the stage's own file and those of all later stages, so that no old file is taken for a new one.

        The reports on all roles go too: none may say PASS of an image that is examined again. So does the verdict on
        the images at work together if this role takes part in it. A build also removes what `verify-gpu` found of the
        role.

        Raises:
            Problem: the directory cannot be written (exit 3); so does write.

        """
        with self.writing():
            for name in STAGES[STAGES.index(stage) :]:
                self.path(role, name).unlink(missing_ok=True)
            if role in E2E_ROLES:
                self.path(E2E, VERDICT).unlink(missing_ok=True)
            self.forget_reports()
            if stage == BUILD and (self.root / GPU / role).is_dir():
                Artifacts(self.root / GPU).begin(role, CONTENTS)
            self.path(role, stage).parent.mkdir(parents=True, exist_ok=True)

    def forget_reports(self) -> None:
        """Remove the reports on all roles; raises OSError."""
        for name in REPORTS:
            (self.root / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turn the file system's refusals (full, read-only, not allowed) into a Problem with a next step."""
        try:
            yield
        except OSError as error:
            next_step = "make room or make it writable, or name another directory with --artifacts"
            wrong = f"{error.filename or self.root}: {error.strerror or error}"
            raise Problem(f"writing the artifacts in {self.root}", wrong, next_step) from None

    def write(self, role: str, name: str, model: BaseModel) -> None:
        """Write a role's file."""
        with self.writing():
            write_model(self.path(role, name), model)

    def read(self, role: str, name: str, model: type[M]) -> M:
        """Read a role's file; raises as read_model does."""
        return read_model(self.path(role, name), model)
