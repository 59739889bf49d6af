"""Builds faulty images, looks at them as `verify` does, and judges them; leaves none of them behind."""

import contextlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from deploy.application import application_files
from deploy.build_record import BuildRecord
from deploy.contract import Image
from deploy.engine import connection as engines
from deploy.engine.connection import Engine
from deploy.engine.runs import Run
from deploy.errors import Problem
from deploy.image_config import ImageConfig
from deploy.left_out import read_left_out
from deploy.project import Project
from deploy.uv_lock import locked_distributions, requirers
from tests.broken_images.fault import Fault
from tests.broken_images.glance import Glance, parts_for
from tests.broken_images.hindered import hindered
from verify.commands.baseline import read_baseline
from verify.contents.files import APPLICATION
from verify.contents.model import Contents
from verify.judge.case import Case
from verify.judge.checks import TOGETHER_CHECKS
from verify.judge.family import family
from verify.judge.judge import judge
from verify.judge.verdict import Verdict
from verify.observe.containers import Gate
from verify.observe.control import Control
from verify.observe.model import Observation
from verify.observe.observer import Deadlines, Observer

BUILD_SECONDS = 120.0
STARTED = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Good:
    """A role's good image, with its build's record."""

    image: Image
    record: BuildRecord


@dataclass(frozen=True)
class Seen:
    """What came of one image: the verdict, and whether anything that would be written shows the secret."""

    verdict: Verdict
    shows_secret: bool


class Workshop:
    """One run's faulty images, each under a tag of its own in one repository."""

    def __init__(
        self, engine: Engine, project: Project, run: Run, goods: Mapping[str, Good], *, directory: Path, whole: bool
    ) -> None:
        self.engine, self.project, self.run, self.goods, self.whole = engine, project, run, goods, whole
        self.contract = contract = project.contract
        self.directory, self.repository = directory, f"ktrdr-fault-{uuid.uuid4().hex[:8]}"
        self.client = engines.sdk(engine)
        self.control = Control(engine, run, Gate(), (good.record.base for good in goods.values()), Deadlines().run)
        self.beside: list[Verdict] = []  # on the good image that was looked at
        self.environ = dict(os.environ)  # pytest changes the process's own while threads start commands
        self.locked = {
            role: locked_distributions(image, contract.python, project.root) for role, image in contract.images.items()
        }
        self.left_out, self.baselines = read_left_out(project.left_out), read_baseline(project.baseline).images
        self.requirers = requirers(project.lock.read_text(encoding="utf-8"))
        self.sources = application_files(APPLICATION, project.root)
        for role, good in goods.items():
            try:
                self.client.api.tag(good.record.image_id, self.repository, f"good-{role}")
            except ImageNotFound:
                self.close()
                wrong = f"the engine no longer has the image of {role} that was built in this state"
                raise Problem("looking for the good images", wrong, "run `./noxw -s build`") from None

    def close(self) -> None:
        """Remove every tag of the repository, and with it what no other tag holds."""
        with contextlib.closing(self.client):
            remove(self.client, self.repository)

    def judge_good(self, role: str = "backend") -> Verdict:
        """Look at a good image, and keep its answers for the program that will lie with them."""
        good = self.goods[role]
        image = good.image.model_copy(update={"name": f"{self.repository}:good-{role}"})
        bases = {role: good.record.base}
        observation, contents = Observer(self.engine, self.contract, self.run, self.project.cache, bases=bases).observe(
            image
        )
        results = observation.probes.results if observation.probes else None
        answers = {name: result.model_dump() for name, result in (results or {}).items()}
        (self.directory / "answers.json").write_text(json.dumps(answers), encoding="utf-8")
        record = good.record.model_copy(update={"tag": image.name})
        self.beside = [self._judge(image, observation, contents, record, record.inputs)]
        return self.beside[0]

    def judge_faulty(self, number: int, fault: Fault) -> Seen:
        """Build a fault's image, look at it by its role's contract, judge what was seen."""
        name = f"{self.repository}:{number}"
        image = self.contract.images[fault.role].model_copy(update={"name": name, **fault.contract})
        self._build(name, fault, number)
        try:
            record = self._record(image, fault)
            if fault.accident == "image removed":
                remove(self.client, name)
            with self._engine(fault, number) as engine:
                observation, contents = self._observer(engine, fault, number).observe(image)
        finally:
            with contextlib.suppress(
                APIError
            ):  # a container still runs where looking broke off: the end has another try
                remove(self.client, name)
        if fault.accident == "tag moved":
            record = self.goods["backend"].record.model_copy(update={"tag": name})
        inputs = "another" if fault.accident == "source changed" else record.inputs
        kept = None if fault.accident == "record lost" else record
        verdict = self._judge(image, observation, contents, kept, inputs)
        if fault.check in TOGETHER_CHECKS and (together := family([*self.beside, verdict])):
            verdict = verdict.model_copy(update={"findings": [*verdict.findings, *together.findings]})
        written = [one.model_dump_json() for one in (verdict, observation, contents) if one is not None]
        return Seen(verdict, bool(fault.hides) and any(fault.hides in text for text in written))

    def _observer(self, engine: Engine, fault: Fault, number: int) -> Observer:
        run = replace(self.run, id=f"{self.run.id}-{number}")  # names of its own; the labels are the run's
        deadlines, bases = Deadlines(), {fault.role: self.goods[fault.base].record.base}
        control = None if fault.accident == "engine refuses" else self.control
        cache = self.project.cache
        if short := fault.seconds:
            deadlines = Deadlines(probe=short / 2, run=2 * short, healthy=short, asked=short)
        if self.whole:
            return Observer(engine, self.contract, run, cache, deadlines, bases=bases, control=control)
        parts = parts_for(fault.check)
        return Glance(engine, self.contract, run, cache, deadlines, bases=bases, control=control, parts=parts)

    def _build(self, name: str, fault: Fault, number: int) -> None:
        context = self.directory / str(number)
        context.mkdir()
        shutil.copy2(self.directory / "answers.json", context)
        good = self.goods[fault.base].record
        here = "--platform=$BUILDPLATFORM " if fault.platform else ""
        lines = f"ARG BASE={good.base.reference} REVISION={good.source.revision}"
        lines += f"\nFROM {here}{self.repository}:good-{fault.base}\n{fault.lines}\n"
        (context / "Dockerfile").write_text(lines, encoding="utf-8")
        command = [*self.engine.command(), "buildx", "build", "--network=none", "--provenance=false", "--load"]
        command += [f"--platform={fault.platform}"] if fault.platform else []
        done = subprocess.run(
            [*command, "--tag", name, str(context)],
            env=self.environ, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS,
        )  # fmt: skip
        if done.returncode:
            wrong = done.stderr.strip()[-3000:]
            raise Problem(f"building the image of the fault {fault.name!r}", wrong, "correct the fault's lines")

    def _record(self, image: Image, fault: Fault) -> BuildRecord:
        """Return the record that a build of this image would have left."""
        config = ImageConfig.from_inspect(self.client.api.inspect_image(image.name))
        good = self.goods[fault.base].record
        base = good.base.model_copy(update={"layers": list(config.layers[: len(good.base.layers) + fault.base_grows])})
        seen = {"image_id": config.image_id, "identity": config.identity, "layers": list(config.layers), "base": base}
        return good.model_copy(update={"role": image.role, "tag": image.name, **seen})

    @contextlib.contextmanager
    def _engine(self, fault: Fault, number: int) -> Iterator[Engine]:
        if fault.accident in ("export cut off", "engine refuses"):
            refusing, directory = fault.accident == "engine refuses", self.directory / str(number)
            with hindered(self.engine, directory, refusing=refusing) as engine:
                yield engine
        else:
            yield self.engine

    def _judge(
        self, image: Image, observation: Observation, contents: Contents | None, record: BuildRecord | None, inputs: str
    ) -> Verdict:
        case = Case(
            self.contract, image, observation, contents, record, "", self.locked[image.role], self.left_out,
            self.baselines.get(image.role), self.requirers, inputs, self.sources,
        )  # fmt: skip
        return judge(case, STARTED)


def remove(client: DockerClient, name: str) -> None:
    """Remove a tag, or all of a repository, where it is there; an image that no other tag holds goes with it."""
    for image in client.images.list(name):
        for tag in image.tags:
            if name in (tag, tag.rpartition(":")[0]):
                client.images.remove(tag)
