"""Models are listed, chosen and removed by the index, which follows the directory; their clocks are the backend's."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ktrdr.api.services import model_index
from ktrdr.api.services.model_index import ModelIndex
from ktrdr.api.store.database import Database
from ktrdr.errors import NotFoundError
from ktrdr.model_directory import ModelDirectory
from ktrdr.model_files import FILES, METADATA
from tests.api.population import STRATEGY, store_model

FUTURE = "9999-12-31T23:59:59+00:00"


@pytest.fixture
def index(database: Database, tmp_path: Path) -> Iterator[ModelIndex]:
    assert database.open() is None
    yield ModelIndex(database, ModelDirectory(tmp_path / "models"))
    database.close()


def put(index: ModelIndex, name: str, stored_at: float, strategy: str = "s") -> Path:
    """A model that somebody has copied into the directory."""
    folder = index.directory.root / name
    folder.mkdir(parents=True)
    about = {"strategy_name": strategy, "created_at": FUTURE, "symbols": [], "timeframes": []}
    for file in FILES:
        (folder / file).write_text(json.dumps(about))
    os.utime(folder, (stored_at, stored_at))
    return folder


def names(index: ModelIndex, limit: int = 100, offset: int = 0) -> list[str]:
    return [json.loads(text)["name"] for text in index.page(limit, offset)[0]]


def later(index: ModelIndex) -> None:
    """A minute later."""
    index._refreshed = None
    index.refresh()


def test_the_index_follows_the_directory(index: ModelIndex) -> None:
    put(index, "old", 1000)
    put(index, "new", 2000)
    index.refresh()
    assert names(index) == ["new", "old"]
    index.directory.remove("new")
    put(index, "newer", 3000)
    index.refresh()  # within the minute
    assert names(index) == ["old"]
    later(index)
    assert names(index) == ["newer", "old"]


def test_a_list_reads_the_models_of_its_page_only(index: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        put(index, f"m{number}", 1000 + number)
    index.refresh()
    read: list[str] = []
    describe = index.directory.describe

    def noted(name: str) -> dict[str, object]:
        read.append(name)
        return describe(name)

    monkeypatch.setattr(index.directory, "describe", noted)
    assert names(index, limit=2, offset=1) == read == ["m3", "m2"]
    read.clear()
    later(index)
    assert index.newest("s") == "m4"
    assert read == ["m4"]


def test_a_page_ends_before_its_answer_is_too_long(index: ModelIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        put(index, f"m{number}", 1000 + number)
    index.refresh()
    one = len(index.page(1, 0)[0][0])
    monkeypatch.setattr(model_index, "LIST_LIMIT", 2 * one + one // 2)
    assert [index.page(*asked)[2] for asked in ((4, 0), (4, 2), (1, 0))] == [2, None, 1]
    assert (names(index, 4, 0), names(index, 4, 2)) == (["m3", "m2"], ["m1", "m0"])
    monkeypatch.setattr(model_index, "LIST_LIMIT", 1)
    assert names(index, 4, 1) == ["m2"]


def test_a_damaged_model_hides_no_other_and_is_told_once(index: ModelIndex, caplog: pytest.LogCaptureFixture) -> None:
    (put(index, "m1", 1000) / METADATA).write_text("{")
    put(index, "m2", 900)
    index.refresh()
    later(index)
    assert caplog.text.count("metadata.json cannot be read") == 1
    (index.directory.root / "m2" / FILES[2]).write_text("{")
    put(index, "m3", 800)
    later(index)
    assert names(index) == ["m3"]
    assert index.newest("s") == "m3"
    with pytest.raises(NotFoundError):
        index.newest("t")


def test_a_worker_with_a_wrong_clock_does_not_make_the_newest_model(client: TestClient) -> None:
    store_model(client, "early", created_at=FUTURE)
    store_model(client, "wrong", created_at="zzz")
    store_model(client, "late", created_at="1970-01-01T00:00:00+00:00")
    listed = client.get("models").json()
    assert [model["name"] for model in listed["models"]] == ["late", "wrong", "early"]
    assert (listed["total_count"], listed["next_offset"]) == (3, None)
    assert all(model["created_at"].startswith("20") for model in listed["models"])
    assert client.get("models/late").json()["model"] == listed["models"][0]
    assert client.app.state.context.models.newest(STRATEGY) == "late"  # type: ignore[attr-defined]  # FastAPI's


def test_a_model_is_removed_with_its_files(client: TestClient, tmp_path: Path) -> None:
    for name in ("m1", "m2"):
        store_model(client, name)
    answer = client.delete("models/m1")
    assert (answer.status_code, answer.json()) == (200, {"success": True, "model_path": "models/m1"})
    assert [model["name"] for model in client.get("models").json()["models"]] == ["m2"]
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["m2"]
    for ask in (client.get, client.delete):
        answer = ask("models/m1")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_model")
    store_model(client, "m1")
    assert client.get("models").json()["total_count"] == 2


def test_pages_follow_one_another(client: TestClient) -> None:
    for number in range(3):
        store_model(client, f"m{number}")
    found, offset = [], 0
    while offset is not None:
        page = client.get("models", params={"limit": 2, "offset": offset}).json()
        found += [model["name"] for model in page["models"]]
        offset = page["next_offset"]
    assert found == ["m2", "m1", "m0"]
