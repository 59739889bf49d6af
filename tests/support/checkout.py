"""The project that the tests are of: this checkout and its contract."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from deploy import contract_file
from deploy.artifacts import Artifacts
from deploy.contract import Contract
from deploy.project import Project, read_project

ROOT: Final = Path(__file__).resolve().parents[2]
CONTRACT_FILE: Final = ROOT / "deploy" / "docker" / "images.toml"
PROJECT: Final = read_project(CONTRACT_FILE, environ={}, directory=ROOT)


def project() -> Project:
    """This checkout's project, with the artifacts that the environment names."""
    return read_project(CONTRACT_FILE, environ=os.environ, directory=ROOT)


CACHE: Final = PROJECT.cache


def project_with(artifacts: Artifacts, contract: Contract = PROJECT.contract, root: Path = ROOT) -> Project:
    """This checkout's project with other artifacts, or another contract."""
    return replace(PROJECT, artifacts=artifacts, contract=contract, root=root)


def read_contract(path: Path = CONTRACT_FILE) -> Contract:
    return contract_file.read_contract(path, ROOT)
