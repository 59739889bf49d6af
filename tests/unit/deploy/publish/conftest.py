"""A registry to publish to, an engine that pushes, and keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.publish import signing
from tests.support.publishing import Workshop, workshop
from tests.support.registries import Held, stand_in


@pytest.fixture
def held() -> Iterator[Held]:
    with stand_in() as one:
        yield one


@pytest.fixture
def shop(tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return workshop(tmp_path, held, monkeypatch)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key; the public one lies beside it."""
    signing.make(tmp_path / "own.key")
    return tmp_path / "own.key"
