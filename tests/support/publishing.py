"""An image that may be published, without an engine: its records, and what lies of it in a stand-in for a registry."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.artifacts import BILL, BUILD, IDENTITY, Artifacts, write_model
from deploy.build_record import Base, BuildRecord, Source
from deploy.contract import Contract, Image
from deploy.engine.connection import Engine
from deploy.image_config import ImageConfig
from deploy.project import Project
from deploy.publish import send
from deploy.publish.examined import Expected
from deploy.publish.publish import Place, Signing, publish
from deploy.publish.reference import Reference
from deploy.publish.signing import signer_of
from tests.support.builds import ENGINE
from tests.support.checkout import project_with, read_contract
from tests.support.registries import Held
from tests.support.summaries import STARTED, finding, save, verdict

CONTRACT = read_contract()
VERIFIER = "urn:ktrdr:verifier:somebody"
CONFIG: dict[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"User": "10001", "Env": ["A=b"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]},
}


def config_for(role: str, user: str = "10001") -> dict[str, Any]:
    """The configuration of a role's image, as a registry holds it."""
    return {**CONFIG, "config": {"User": user, "Env": [f"ROLE={role}"]}}


def inspected(config: dict[str, Any]) -> ImageConfig:
    """The same, as an engine shows it."""
    found = ImageConfig.from_registry("sha256:id", config)
    assert found
    return found


def identity(role: str) -> str:
    return inspected(config_for(role)).identity


@dataclass
class Workshop:
    """Records of verified images, an engine that has them, and a registry that it pushes to."""

    artifacts: Artifacts
    held: Held
    contract: Contract
    engine: dict[str, dict[str, Any]]  # name -> configuration: the tags of the engine
    pushed: list[str]

    @property
    def place(self) -> Place:
        return Place(f"{self.held.host}/team")

    @property
    def project(self) -> Project:
        return project_with(self.artifacts, self.contract)

    def image(self, role: str) -> Image:
        return self.contract.images[role]

    def name(self, role: str) -> str:
        return f"{self.held.host}/team/{self.image(role).name}"

    def verify(self, role: str, *others: Any, **changes: Any) -> None:
        """Write the records of a verification of the role's image."""
        of, name = identity(role), self.image(role).name
        judged = verdict(role, finding("PASS"), *others, tag=name)
        judged = judged.model_copy(update={"identity": of, "contract": self.contract.digest, **changes})
        save(self.artifacts.root, judged)
        write_model(self.artifacts.path(role, BUILD), record(role, name, of))
        bill = {"metadata": {"properties": [{"name": IDENTITY, "value": of}]}}
        self.artifacts.path(role, BILL).write_text(json.dumps(bill), encoding="utf-8")
        self.engine[name] = config_for(role)

    def publish(self, *roles: str, key: Path | None = None) -> list[str]:
        """Publish, and return what was said."""
        said: list[str] = []
        by = Signing(signer_of(key) if key else None, VERIFIER)
        publish(self.project, roles, self.place, by, engine=ENGINE, say=said.append)
        return said


def record(role: str, tag: str, of: str) -> BuildRecord:
    base = Base(
        reference="python:3.11",
        origin="local",
        layers=[],
        environment={},
        labels={},
        ports=[],
        shell=[],
        stop_signal="",
    )
    return BuildRecord(
        schema=4, role=role, tag=tag, image_id="sha256:id", identity=of, layers=[], started=STARTED, seconds=1.0,
        steps=[], source=Source(revision="abc", dirty=False, lock_sha256="0"), inputs="0", base=base,
        torch_source="", tools={},
    )  # fmt: skip


def workshop(tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A workshop whose engine pushes what it has under a tag, as it has it at that moment."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))  # nobody has logged in anywhere
    made = Workshop(Artifacts(tmp_path / "artifacts"), held, CONTRACT, {}, [])

    def config_of(_engine: Engine, name: str) -> ImageConfig | None:
        return inspected(made.engine[name]) if name in made.engine else None

    def push(_engine: Engine, _image_id: str, reference: Reference, _say: Any) -> None:
        (config,) = [one for name, one in made.engine.items() if reference.name == f"team/{name.rpartition(':')[0]}"]
        made.pushed.append(reference.at(reference.version))
        held.take_image(reference.version, config)

    monkeypatch.setattr(send, "config_of", config_of)
    monkeypatch.setattr(send, "push", push)
    return made


def expected(**changes: Any) -> Expected:
    """What holds a day after the verification, with no key."""
    now = datetime.fromisoformat(STARTED) + timedelta(days=1)
    return Expected(**{"contract": CONTRACT.digest, "now": now, "most_days": 30.0, **changes})
