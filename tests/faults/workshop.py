"""Builds faulty images, looks at them as `verify` does, and judges them; leaves none of them behind."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError

from deploy import engine as engines
from deploy.contents import Contents
from deploy.contract import Contract, Image
from deploy.engine import Engine
from deploy.left_out import read_left_out
from deploy.lock import LOCK, locked_distributions, requirers
from deploy.record import BuildRecord, diff_ids, identity
from deploy.runs import Run
from tests.faults.cut_off import cut_off
from tests.faults.fault import Fault
from tests.faults.glance import Glance, parts_for
from verify.baseline import read_baseline
from verify.case import Case
from verify.judge import judge
from verify.observation import Observation
from verify.observe import Observer
from verify.verdict import Verdict

BUILD_SECONDS = 120.0
STARTED = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Good:
    """The image that every fault starts from, with its build's record."""

    image: Image
    record: BuildRecord


class Workshop:
    """One run's faulty images, each under a tag of its own in one repository."""

    def __init__(
        self, engine: Engine, contract: Contract, run: Run, good: Good, *, directory: Path, repository: str
    ) -> None:
        self.engine, self.contract, self.run, self.good = engine, contract, run, good
        self.directory, self.repository = directory, repository
        self.client = engines.sdk(engine)
        self.environ = dict(os.environ)  # pytest changes the process's own while threads start commands
        self.locked = {role: locked_distributions(image, contract.python) for role, image in contract.images.items()}
        self.left_out = read_left_out()
        self.client.api.tag(good.record.image_id, self.repository, "good")

    def judge_good(self) -> Verdict:
        """Look at the good image, and keep its answers for the program that will lie with them."""
        image = self.good.image.model_copy(update={"name": f"{self.repository}:good"})
        observation, contents = Observer(self.engine, self.contract, self.run).observe(image)
        results = observation.probes.results if observation.probes else None
        answers = {name: result.model_dump() for name, result in (results or {}).items()}
        (self.directory / "answers.json").write_text(json.dumps(answers), encoding="utf-8")
        record = self.good.record.model_copy(update={"tag": image.name})
        return self._judge(image, observation, contents, record)

    def judge_faulty(self, number: int, fault: Fault) -> Verdict:
        """Build a fault's image, look at it by its role's contract, judge what was seen."""
        name = f"{self.repository}:{number}"
        image = self.contract.images[fault.role].model_copy(update={"name": name, **fault.contract})
        self._build(name, fault.lines, number)
        try:
            record = self._record(image)
            if fault.accident == "image removed":
                remove(self.client, name)
            with self._engine(fault, number) as engine:
                run = replace(self.run, id=f"{self.run.id}-{number}")  # names of its own; the labels are the run's
                observation, contents = Glance(engine, self.contract, run, parts_for(fault.check)).observe(image)
        finally:
            with contextlib.suppress(
                APIError
            ):  # a container still runs where looking broke off: the end has another try
                remove(self.client, name)
        if fault.accident == "tag moved":
            record = self.good.record.model_copy(update={"tag": name})
        return self._judge(image, observation, contents, None if fault.accident == "record lost" else record)

    def _build(self, name: str, lines: str, number: int) -> None:
        context = self.directory / str(number)
        context.mkdir()
        shutil.copy2(self.directory / "answers.json", context)
        (context / "Dockerfile").write_text(f"FROM {self.repository}:good\n{lines}\n", encoding="utf-8")
        command = [*self.engine.command(), "buildx", "build", "--network=none", "--provenance=false", "--load"]
        done = subprocess.run(
            [*command, "--tag", name, str(context)],
            env=self.environ, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"the fault's own image cannot be built:\n{done.stderr[-3000:]}"

    def _record(self, image: Image) -> BuildRecord:
        """Return the record that a build of this image would have left."""
        inspected = self.client.api.inspect_image(image.name)
        seen = {"image_id": inspected["Id"], "identity": identity(inspected), "layers": diff_ids(inspected)}
        return self.good.record.model_copy(update={"role": image.role, "tag": image.name, **seen})

    @contextlib.contextmanager
    def _engine(self, fault: Fault, number: int) -> Iterator[Engine]:
        if fault.accident == "export cut off":
            with cut_off(self.engine, self.directory / str(number)) as engine:
                yield engine
        else:
            yield self.engine

    def _judge(
        self, image: Image, observation: Observation, contents: Contents | None, record: BuildRecord | None
    ) -> Verdict:
        baseline = read_baseline().images.get(self.good.image.role)  # every fault starts from this image
        case = Case(
            self.contract, image, observation, contents, record, "", self.locked[image.role], self.left_out, baseline,
            requirers(LOCK.read_text(encoding="utf-8")),
        )  # fmt: skip
        return judge(case, STARTED)


def remove(client: DockerClient, name: str) -> None:
    """Remove a tag, or all of a repository, where it is there; an image that no other tag holds goes with it."""
    for image in client.images.list(name):
        for tag in image.tags:
            if name in (tag, tag.rpartition(":")[0]):
                client.images.remove(tag)
