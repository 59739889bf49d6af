"""Strategies are stored, replaced and removed over HTTP: checked, whole, bounded, and honest towards stored models."""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from httpx import Response

from ktrdr.backtesting.hindsight import strategy_warnings
from ktrdr.disk import ABANDONED_AFTER_S, write_whole
from ktrdr.errors import ConflictError
from ktrdr.settings import SHIPPED_STRATEGIES, Settings
from ktrdr.strategy.files import OWN_LIMIT, SIZE_LIMIT, StrategyDirectory
from tests.api.population import Worker, store_model

SHIPPED = "mlp_fx_hourly"
MINE = "mine"
COMMENT = "# A comment that a reader of the file wants back.\n"


def document(name: str = MINE, **training: Any) -> dict[str, Any]:
    found = StrategyDirectory(SHIPPED_STRATEGIES).document(SHIPPED)
    found["name"] = name
    found["training"] |= training
    return dict(found)


def text(name: str = MINE, **training: Any) -> bytes:
    return (COMMENT + yaml.safe_dump(document(name, **training))).encode()


def put(client: TestClient, content: bytes, name: str = MINE) -> Response:
    answer: Response = client.put(f"strategies/{name}", content=content, headers={"Content-Type": "application/yaml"})
    return answer


def code(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def epochs(client: TestClient, name: str = MINE) -> int:
    return int(client.get(f"strategies/{name}").json()["strategy"]["training"]["epochs"])


def test_a_strategy_is_stored_listed_read_back_replaced_and_removed(client: TestClient) -> None:
    created = client.post("strategies", content=text(epochs=5))
    assert (created.status_code, created.json()["strategy_name"], created.json()["replaced"]) == (201, MINE, False)
    listed = {entry["name"]: entry for entry in client.get("strategies").json()["strategies"]}
    assert (listed[MINE]["valid"], listed[MINE]["shipped"], listed[SHIPPED]["shipped"]) == (True, False, True)
    file = client.get(f"strategies/{MINE}/file")
    assert (file.content, file.headers["content-type"].split(";")[0]) == (text(epochs=5), "text/plain")
    replaced = put(client, text(epochs=6))
    assert (replaced.status_code, replaced.json()["replaced"], epochs(client)) == (200, True, 6)
    assert client.delete(f"strategies/{MINE}").status_code == 200
    assert client.get(f"strategies/{MINE}").status_code == 404
    assert code(client.delete(f"strategies/{MINE}")) == (404, "no_strategy")
    assert put(client, text(epochs=7)).status_code == 201


def test_a_new_strategy_takes_no_name_that_is_taken(client: TestClient) -> None:
    client.post("strategies", content=text(epochs=5))
    assert code(client.post("strategies", content=text(epochs=6))) == (409, "strategy_exists")
    assert epochs(client) == 5


def test_a_shipped_strategy_is_neither_replaced_nor_removed(client: TestClient) -> None:
    before = epochs(client, SHIPPED)
    for answer in (
        put(client, text(SHIPPED, epochs=before + 1), SHIPPED),
        client.post("strategies", content=text(SHIPPED, epochs=before + 1)),
        client.delete(f"strategies/{SHIPPED}"),
    ):
        assert code(answer) == (409, "shipped_strategy")
    assert epochs(client, SHIPPED) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (text(epochs=0), "training.epochs: is 0; write 1 or more"),
        (text("other"), "name: is 'other'; it must be the file's name, 'mine'"),
        (b"name: [", "not valid YAML"),
        (b"\xff", "it is not UTF-8"),
        (b"just words", "The strategy is not a mapping of keys"),
        (b"a: &a [1]\nb: *a", "aliases (*name) are not read"),
        (b"", "The strategy is not a mapping of keys"),
        (text() + b"#" * SIZE_LIMIT, f"{SIZE_LIMIT} are allowed"),
    ],
    ids=range(8),
)
def test_what_is_no_strategy_is_refused_with_the_reason_and_changes_nothing(
    client: TestClient, content: bytes, said: str
) -> None:
    put(client, text(epochs=5))
    answer = put(client, content)
    assert code(answer) == (422, "bad_strategy")
    assert said in answer.json()["error"]["message"]
    assert epochs(client) == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"version: '3.0'", "name: is missing"), (b"name: ../../etc", "'../../etc' cannot be used"), (b"name: 7", "'7'")],
)
def test_a_new_strategy_needs_a_name_that_can_be_a_file_s(client: TestClient, content: bytes, said: str) -> None:
    answer = client.post("strategies", content=content)
    assert code(answer) == (422, "bad_strategy")
    assert said in answer.json()["error"]["message"]


def test_every_issue_of_a_refused_strategy_is_told(client: TestClient) -> None:
    broken = {**document(epochs=0), "version": "2.0", "more": 1}
    issues = put(client, yaml.safe_dump(broken).encode()).json()["error"]["details"]["issues"]
    assert [issue["details"]["key"] for issue in issues] == ["version", "training.epochs", "more"]


def test_there_are_at_most_so_many_and_a_replacement_needs_no_place(client: TestClient, settings: Settings) -> None:
    put(client, text())
    for number in range(OWN_LIMIT - 1):
        (settings.data_dir / "strategies" / f"s{number}.yaml").write_text("name: s")
    assert code(client.post("strategies", content=text("one_more"))) == (429, "too_many_strategies")
    assert put(client, text(epochs=6)).status_code == 200


def test_nothing_is_left_of_a_write_that_the_disk_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "s.yaml", b"new", ".incoming-")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("s.yaml", b"old")]


def test_the_file_of_an_upload_whose_process_died_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".incoming-x").touch()
    strategies = StrategyDirectory(SHIPPED_STRATEGIES, tmp_path)
    strategies.sweep()
    assert [path.name for path in tmp_path.iterdir()] == [".incoming-x"]
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + ABANDONED_AFTER_S + 1)
    strategies.sweep()
    assert list(tmp_path.iterdir()) == []


def test_a_strategy_of_stored_models_can_be_replaced_but_not_removed(client: TestClient) -> None:
    put(client, text(epochs=5))
    store_model(client, "mine_a", strategy=MINE, document=document(epochs=5))
    assert put(client, text(epochs=6)).json()["models"] == 1
    assert code(client.delete(f"strategies/{MINE}")) == (409, "strategy_in_use")
    assert client.get(f"strategies/{MINE}").status_code == 200
    client.delete("models/mine_a")
    assert client.delete(f"strategies/{MINE}").status_code == 200


@pytest.mark.parametrize(("now", "changed"), [({}, False), ({"epochs": 6}, True)])
def test_a_backtest_says_that_its_model_s_strategy_has_been_replaced(
    client: TestClient, csv: str, now: dict[str, Any], *, changed: bool
) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    Worker(client, "b", "backtest").register()
    store_model(client, "mine_a", strategy=MINE, document=document(epochs=5))
    put(client, yaml.safe_dump({**document(**{"epochs": 5, **now}), "description": "Other words."}).encode())
    body = {"strategy_name": MINE, "symbol": "EURUSD-SAMPLE", "timeframe": "1h"}
    started = client.post("backtests/start", json=body)
    assert started.status_code == 200, started.text
    request = client.get(f"operations/{started.json()['operation_id']}").json()["operation"]["metadata"]["request"]
    assert request["strategy_changed"] is changed
    assert bool(strategy_warnings(request)) is changed


def test_a_directory_of_shipped_strategies_alone_takes_none() -> None:
    with pytest.raises(ConflictError):
        StrategyDirectory(SHIPPED_STRATEGIES).store(text(SHIPPED))
