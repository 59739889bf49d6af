"""``describe ROLE …``: the contract's table for a built image, from the image itself; nobody writes it by hand."""

import sys

from deploy.artifacts import Artifacts
from deploy.build_record import BuildRecord
from deploy.contract import Contract, Image
from deploy.engine.connection import Engine
from deploy.engine.runs import new_run
from deploy.errors import Exit, Problem
from deploy.project import Project
from verify.commands.verify import read_record
from verify.judge.case import Case, NotSeen
from verify.observe.observer import Observer
from verify.report.contract_table import contract_table


def describe(project: Project, images: list[Image], engine: Engine) -> Exit:
    """Print the tables that these images need. No image is run.

    Raises:
        Problem: an image or its build record is not there, or the engine does not answer (exit 3).

    """
    contract = project.contract
    records = {image.role: _record(project.artifacts, image) for image in images}
    bases = {role: record.base for role, record in records.items()}
    with new_run(engine) as run:
        observer = Observer(engine, contract, run, project.cache, bases=bases, tell=_tell)
        try:
            tables = [_described(observer, contract, image, records[image.role]) for image in images]
        finally:
            observer.gate.close()
    print("\n\n".join(tables))
    return Exit.OK


def _record(artifacts: Artifacts, image: Image) -> BuildRecord:
    record, fault = read_record(artifacts, image.role)
    if record is None:
        raise _problem(image, fault)
    return record


def _described(observer: Observer, contract: Contract, image: Image, record: BuildRecord) -> str:
    observation, contents = observer.read(image)
    case = Case(contract, image, observation, contents, record, "", {})
    try:
        return "\n".join(contract_table(case))
    except NotSeen as missing:
        raise _problem(image, missing.reason) from None


def _problem(image: Image, wrong: str) -> Problem:
    return Problem(f"describing {image.role}", wrong, f"./noxw -s build -- {image.role}, then describe it again")


def _tell(role: str, what: str) -> None:
    if what:
        print(f"{role}: {what}", file=sys.stderr)
