"""Where figures are taken: the verified images, and copies of the checkout that may be changed and go again."""

import contextlib
import os
import re
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docker import DockerClient
from rich.console import Console

from bench.checkout import CONTRACT, ROOT
from bench.copies import copy_tree
from bench.measure import Sample, run
from deploy.artifacts import VERDICT, Artifacts, UnreadableArtifact
from deploy.contract import Contract, Image
from deploy.engine import connection as engines
from deploy.engine.connection import Engine
from deploy.errors import Problem
from verify.judge.reading import read_verdict


@dataclass(frozen=True)
class Checkout:
    """A copy of this working tree whose images have tags of their own."""

    directory: Path
    prefix: str

    @property
    def contract(self) -> Path:
        """Its ``images.toml``."""
        return self.directory / CONTRACT.relative_to(ROOT)

    def tag(self, image: Image) -> str:
        """Return the tag that an image has here."""
        return f"{self.prefix}{image.name}"

    def python(self, *words: str, **environ: str) -> Sample:
        """Run one of the project's commands here."""
        return run([sys.executable, "-m", *words], cwd=self.directory, env=environ)


@dataclass(frozen=True)
class Workplace:
    """What every group of figures is given."""

    engine: Engine
    client: DockerClient
    contract: Contract
    images: list[Image]
    artifacts: Artifacts
    directory: Path
    console: Console
    rounds: int

    @property
    def roles(self) -> list[str]:
        """The roles that are measured."""
        return [image.role for image in self.images]

    def docker(self, *words: str) -> list[str]:
        """Return a docker command for this engine."""
        return [*self.engine.command(), *words]

    def say(self, text: str) -> None:
        """Print what is being done: minutes go by."""
        self.console.print(text, soft_wrap=True)

    @contextlib.contextmanager
    def checkout(self) -> Iterator[Checkout]:
        """Copy the working tree; at the end the copy and its images are removed."""
        copy = Checkout(self.directory / uuid.uuid4().hex[:8], f"bench-{uuid.uuid4().hex[:8]}-")
        try:
            copy_tree(copy.directory)
            text = copy.contract.read_text(encoding="utf-8")
            copy.contract.write_text(re.sub(r'(?m)^name = "', f'name = "{copy.prefix}', text), encoding="utf-8")
            yield copy
        finally:
            for tag in _tags(self.client, copy.prefix):
                self.client.images.remove(tag)
            shutil.rmtree(copy.directory, ignore_errors=True)


def _tags(client: DockerClient, prefix: str) -> list[str]:
    return [
        tag for image in client.images.list() for tag in image.tags if tag.startswith(prefix) or f"/{prefix}" in tag
    ]


@contextlib.contextmanager
def workplace(contract: Contract, artifacts: Artifacts, console: Console, *, quick: bool) -> Iterator[Workplace]:
    """Find the engine and the verified images; with ``quick`` the first image only, once.

    Raises:
        Problem: no engine, or an image that is not verified (exit 3).

    """
    images = list(contract.images.values())[: 1 if quick else None]
    for image in images:
        _verified(artifacts, image)
    engine = engines.find_engine()
    client = engines.sdk(engine, timeout=600.0)
    with tempfile.TemporaryDirectory(prefix="ktrdr-bench-", dir=os.environ.get("TMPDIR")) as directory:
        yield Workplace(engine, client, contract, images, artifacts, Path(directory), console, 1 if quick else 3)


def _verified(artifacts: Artifacts, image: Image) -> None:
    doing, next_step = (
        f"looking for the verified image {image.name}",
        f"run `./noxw -s build verify -- {image.role}` first",
    )
    try:
        outcome = read_verdict(artifacts.path(image.role, VERDICT)).outcome
    except (FileNotFoundError, UnreadableArtifact) as error:
        raise Problem(doing, str(error), next_step) from None
    if outcome != "PASS":
        raise Problem(doing, f"its verdict is {outcome}", next_step)
