"""A backend for the tests of one module."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.backend import Backend


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    with Backend(tmp_path_factory.mktemp("backend") / "data") as backend:
        yield backend


@pytest.fixture
def api(backend: Backend) -> Iterator[httpx.Client]:
    with backend.api as api:
        yield api
