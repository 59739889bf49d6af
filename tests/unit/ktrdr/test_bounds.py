"""What the API takes has bounds, on every route; beyond them it refuses in the common shape."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi.testclient import TestClient

from ktrdr.api.main import create_application
from ktrdr.settings import Settings

WORKER = {"worker_id": "w1", "worker_type": "training", "endpoint_url": "http://w1:5003"}
OPERATION = {"operation_id": "op_1", "status": "completed"}
DEEP = "[" * 40_000 + "]" * 40_000

Ask = Callable[[TestClient], httpx.Response]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One backend for all: what is refused leaves nothing that another test could see."""
    settings = Settings.from_environment({"KTRDR_DATA_DIR": str(tmp_path_factory.mktemp("bounds"))})
    with TestClient(create_application(settings), base_url="http://backend/api/v1") as client:
        yield client


def post(path: str, body: object) -> Ask:
    return lambda client: client.post(path, json=body)


def raw(path: str, text: str | bytes, media_type: str = "application/json") -> Ask:
    return lambda client: client.post(path, content=text, headers={"Content-Type": media_type})


def get(path: str, **query: object) -> Ask:
    return lambda client: client.get(path, params={key: str(value) for key, value in query.items()})


def registered(**fields: object) -> Ask:
    return post("workers/register", {**WORKER, **fields})


def reported(**fields: object) -> Ask:
    return raw("workers/w1/heartbeat", json.dumps({"operation": {**OPERATION, **fields}}))


TRAINING, BACKTEST = {"strategy_name": "s"}, {"strategy_name": "s", "symbol": "EURUSD-SAMPLE", "timeframe": "1h"}

BEYOND: dict[str, Ask] = {
    "21 symbols": post("trainings/start", {**TRAINING, "symbols": ["EURUSD-SAMPLE"] * 21}),
    "9 timeframes": post("trainings/start", {**TRAINING, "timeframes": ["1h"] * 9}),
    "a long strategy name": post("trainings/start", {"strategy_name": "s" * 101}),
    "a field nobody knows": post("trainings/start", {**TRAINING, "force": True}),
    "a field whose name is half a character": raw("trainings/start", '{"strategy_name": "s", "\\ud800": 1}'),
    "a field with a name of 100 kB": post("trainings/start", {**TRAINING, "x" * 100_000: 1}),
    "a number for a name": post("trainings/start", {"strategy_name": 1}),
    "a date with words": post("trainings/start", {**TRAINING, "start_date": "last week"}),
    "capital beyond a trillion": post("backtests/start", {**BACKTEST, "initial_capital": 1e13}),
    "capital that is no number": raw("backtests/start", '{"initial_capital": NaN}'),
    "a text for capital": post("backtests/start", {**BACKTEST, "initial_capital": "1000"}),
    "a commission above a quarter": post("backtests/start", {**BACKTEST, "commission": 0.5}),
    "a negative slippage": post("backtests/start", {**BACKTEST, "slippage": -0.1}),
    "a model path that climbs": post("backtests/start", {**BACKTEST, "model_path": "models/../../etc"}),
    "a limit of none": get("operations", limit=0),
    "a limit of 501": get("operations", limit=501),
    "an offset beyond a million": get("operations", offset=1_000_001),
    "an integer of 5,000 digits": get("operations", offset="9" * 5000),
    "a status nobody knows": get("operations", status="sleeping"),
    "50,001 bars": get("data/EURUSD-SAMPLE/1h", limit=50_001),
    "a long date": get("data/EURUSD-SAMPLE/1h", start_date="2024-01-01" + "0" * 100),
    "a long operation id": get(f"operations/{'x' * 101}"),
    "a long model name": get(f"models/{'x' * 101}"),
    "a worker of no type": registered(worker_type="idle"),
    "a worker whose path is the registration's": registered(worker_id="register"),
    "an endpoint that is no address": registered(endpoint_url="javascript:alert(1)"),
    "an endpoint with a NUL": registered(endpoint_url="http://w1/\x00"),
    "an endpoint with half a bracket": registered(endpoint_url="http://[::1/"),
    "an endpoint that is no IPv6 address": registered(endpoint_url="http://[1::2::3]:5003"),
    "an endpoint beyond the last port": registered(endpoint_url="http://w1:65536"),
    "a long endpoint": registered(endpoint_url="http://w1/" + "x" * 300),
    "1,025 GPUs": registered(capabilities={"gpu": True, "gpu_count": 1025}),
    "true GPUs": registered(capabilities={"gpu_count": True}),
    "a GPU with a long name": registered(capabilities={"gpu_type": "x" * 2001}),
    "progress beyond the end": reported(progress={"percentage": 101}),
    "progress that is no number": reported(progress={"percentage": float("nan")}),
    "a step of 2,001 characters": reported(progress={"current_step": "x" * 2001}),
    "a step with a NUL": reported(progress={"current_step": "\x00"}),
    "a result with NaN": reported(result_summary={"metrics": {"loss": float("nan")}}),
    "a result with infinity": reported(result_summary={"metrics": [float("-inf")]}),
    "a result with half a character": reported(result_summary={"name": "\ud800"}),
    "a result that is a list": reported(result_summary=[1]),
}


@pytest.mark.parametrize("ask", BEYOND.values(), ids=BEYOND)
def test_what_lies_beyond_a_bound_is_refused_in_the_common_shape(client: TestClient, ask: Ask) -> None:
    client.post("workers/register", json=WORKER)
    answer = ask(client)
    assert answer.status_code == 422, answer.text
    assert answer.json()["success"] is False
    assert set(answer.json()["error"]) == {"code", "message", "details"}
    assert len(answer.content) < 2000
    assert client.get("operations").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["http://w1:5003", "https://w-1.example_x", "http://127.0.0.1:65535/x", "http://[::1]:5003", "http://[fd00::a:b]",
     "http://[1:2:3:4:5:6:7:8]/"],
)  # fmt: skip
def test_an_endpoint_is_a_name_or_an_address_of_either_kind(client: TestClient, address: str) -> None:
    assert registered(endpoint_url=address)(client).status_code == 200


@pytest.mark.parametrize(
    "ask", [registered(capabilities={"gpu_count": 2.0}), reported(progress={"steps_completed": 5.0})]
)
def test_a_whole_number_is_an_integer_however_json_writes_it(client: TestClient, ask: Ask) -> None:
    client.post("workers/register", json=WORKER)
    assert ask(client).status_code != 422


def test_the_bounds_of_whole_numbers_are_in_the_document(client: TestClient) -> None:
    shapes = client.get("http://testserver/openapi.json").json()["components"]["schemas"]
    count = shapes["Capabilities"]["properties"]["gpu_count"]
    steps = shapes["ReportedProgress"]["properties"]["steps_total"]
    assert [(schema["type"], schema["minimum"], schema["maximum"]) for schema in (count, steps)] == [
        ("integer", 0, 1024), ("integer", 0, 10**9),
    ]  # fmt: skip


UNREADABLE: dict[str, Ask] = {
    "no JSON": raw("trainings/start", "{"),
    "not UTF-8": raw("trainings/start", b'{"strategy_name": "\xff"}'),
    "nested without end": raw("trainings/start", DEEP),
    "a number without end": raw("trainings/start", "9" * 5000),
    "a list": raw("trainings/start", "[]"),
    "nothing": raw("trainings/start", ""),
    "a heartbeat nested without end": raw("workers/w1/heartbeat", DEEP),
}


@pytest.mark.parametrize("ask", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_is_refused(client: TestClient, ask: Ask) -> None:
    answer = ask(client)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["success"] is False
    assert len(answer.content) < 2000


LIMITS = {
    "trainings/start": 1, "backtests/start": 1, "data/range": 64, "data/EURUSD/1h": 64, "models/m/archive": 64,
    "operations/x/trades": 256, "operations/x/equity": 256,
    "workers/register": 1, "workers/w1/heartbeat": 8, "operations/x/retry": 1, "strategies/validate/x": 1,
    "operations/x/checkpoint": 257,
}  # fmt: skip


@pytest.mark.parametrize(("path", "mib"), LIMITS.items())
def test_a_body_beyond_its_route_s_limit_is_refused_unread(client: TestClient, path: str, mib: int) -> None:
    method = "PUT" if path.endswith(("/archive", "/trades", "/equity", "/checkpoint")) else "POST"
    too_long = str(mib * 1024 * 1024 + 1)
    answer = client.request(method, path, content=b"x", headers={"Content-Length": too_long})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "content_too_large")
    allowed = client.request(method, path, content=b"x", headers={"X-Content-SHA256": "0" * 64})
    assert allowed.status_code != 413


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "operations/x", "DELETE, GET, HEAD"),
        ("PUT", "data/EURUSD-SAMPLE/1h", "GET, HEAD, POST"),
        ("POST", "models/x/archive", "GET, HEAD, PUT"),
        ("DELETE", "health", "GET, HEAD"),
        ("DELETE", "workers/register", "POST"),
        ("OPTIONS", "workers/register", "POST"),
        ("POST", "workers/registered", "DELETE, GET, HEAD"),
    ],
)
def test_a_method_that_is_not_allowed_is_told_with_all_that_are(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_a_brief_list_leaves_out_what_is_long(client: TestClient, csv: str) -> None:
    client.post("data/EURUSD-SAMPLE/1h", content=csv)
    client.post("workers/register", json=WORKER)
    client.post("trainings/start", json={"strategy_name": "mlp_fx_hourly"})
    full, brief = (client.get("operations", params={"brief": value}).json()["operations"][0] for value in "01")
    assert full["metadata"]["request"].pop("strategy")
    assert brief == full
