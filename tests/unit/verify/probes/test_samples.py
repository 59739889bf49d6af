"""A request to each operation has values that its schema allows: what is behind the validation is run."""

import asyncio
import email
import email.policy
import importlib
import json
import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from fastapi import Body, Cookie, FastAPI, Header, Path, Query, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, APIKeyQuery, HTTPBasic, HTTPBearer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AnyHttpUrl, BaseModel, Field, IPvAnyAddress

calls: Any = importlib.import_module("verify.probes.calls")
routes: Any = importlib.import_module("verify.probes.routes")
samples: Any = importlib.import_module("verify.probes.samples")
app = FastAPI()


class Split(BaseModel):
    train: float = Field(gt=0, lt=1)
    small: float = Field(gt=0, le=0.1)
    pair: tuple[int, str]
    kind: Literal["mlp"]
    maybe: date | None
    of: list[Annotated[str, Field(min_length=3, max_length=3)]] = Field(min_length=2)


@app.get("/things/{key}")
def by_key(key: UUID) -> None: ...


@app.get("/named/{name}")
def by_name(name: Annotated[str, Path(pattern="^[a-z0-9_]+$")]) -> None: ...


@app.get("/texts")
def texts(
    short: Annotated[str, Query(max_length=3)],
    upper: Annotated[str, Query(pattern=r"^[A-Z]{3}/[A-Z]{3}$")],
    digest: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$")],
    word: Annotated[str, Query(min_length=5, pattern="^[a-z]+$")],
) -> None: ...


@app.get("/numbers")
def numbers(
    many: Annotated[int, Query(gt=1)],
    few: Annotated[int, Query(ge=5, le=7)],
    even: Annotated[int, Query(gt=10, multiple_of=4)],
    below: Annotated[float, Query(lt=-1)],
    part: Annotated[float, Query(gt=0, lt=1)],
) -> None: ...


@app.get("/forms")
def forms(where: AnyHttpUrl, at: time, when: datetime, for_: timedelta, host: IPvAnyAddress) -> None: ...


@app.get("/told")
def told(x_model: Annotated[str, Header()], crumb: Annotated[int, Cookie()]) -> None: ...


@app.get("/secured")
def secured(key: Annotated[str, Security(APIKeyHeader(name="X-API-Key"))]) -> None: ...


@app.get("/bearer")
def bearer(key: Annotated[Any, Security(HTTPBearer())]) -> None: ...


@app.get("/basic")
def basic(key: Annotated[Any, Security(HTTPBasic())]) -> None: ...


@app.get("/query-key")
def query_key(key: Annotated[str, Security(APIKeyQuery(name="key"))]) -> None: ...


@app.get("/cookie-key")
def cookie_key(key: Annotated[str, Security(APIKeyCookie(name="session"))]) -> None: ...


@app.post("/plain")
def plain(body: Annotated[str, Body(media_type="text/plain")]) -> None: ...


@app.post("/split")
def split(body: Split) -> None: ...


def test_every_operation_is_reached() -> None:
    asked = list(calls.calls_of(app.openapi()))
    assert len(asked) == 13
    for method, path, headers, body in asked:
        answer = asyncio.run(routes.request(app, method, path, {}, body=body, headers=headers))
        assert answer["status"] == 200, (path, answer)


def test_the_parts_of_a_form_are_told_apart_in_either_form() -> None:
    schema = {"type": "object", "required": ["a", "file"], "properties": {"a": {"type": "integer"}}}
    kind, body = calls.body_of({"content": {"multipart/form-data": {"schema": schema}}}, {})
    message: Any = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP)
    assert [(one.get_param("name", header="content-disposition")) for one in message.iter_parts()] == ["a", "file"]
    assert (
        calls.body_of({"content": {"application/x-www-form-urlencoded": {"schema": schema}}}, {})[1]
        == b"a=1&file=%7B%7D"
    )


@pytest.mark.parametrize(
    "declared", [{}, {"content": {}}, {"content": {"image/png": {}}}, {"content": {"application/json": {}}}]
)
def test_a_body_that_nothing_is_said_of_is_some_body_or_none(declared: dict[str, Any]) -> None:
    kind, body = calls.body_of(declared, {})
    assert (body is None) == (not declared.get("content"))
    assert "/" in kind


def test_what_is_not_required_is_not_sent() -> None:
    assert calls.headers_of([{"in": "header", "name": "x"}, {"in": "query", "name": "y", "required": True}], {}) == {}


@pytest.mark.parametrize("pattern", ["(", r"^\p{L}+$", "^zzz$"])
def test_a_pattern_that_no_word_fits_or_python_does_not_read_is_no_harm(pattern: str) -> None:
    assert samples.text({"pattern": pattern}) == "EURUSD"


@pytest.mark.parametrize("schema", [{"$ref": "#/a"}, {"type": "array", "items": {"$ref": "#/a"}}])
def test_a_schema_that_is_within_itself_comes_to_an_end(schema: dict[str, Any]) -> None:
    json.dumps(samples.sample(schema, {"a": {"type": "object", "required": ["b"], "properties": {"b": schema}}}))


@settings(deadline=None, max_examples=300)
@given(
    low=st.integers(-1000, 1000), more=st.integers(0, 50), exclusive=st.booleans(), whole=st.booleans(),
    step=st.sampled_from([None, 1]),
)  # fmt: skip
def test_a_number_lies_within_its_bounds(
    *, low: int, more: int, exclusive: bool, whole: bool, step: int | None
) -> None:
    names = ("exclusiveMinimum", "exclusiveMaximum") if exclusive else ("minimum", "maximum")
    high = low + more + (2 if exclusive else 0)
    schema = {names[0]: low, names[1]: high, **({"multipleOf": step} if step else {})}
    found = samples.number(schema, int if whole else float)
    assert low < found < high if exclusive else low <= found <= high


@settings(deadline=None, max_examples=200)
@given(least=st.integers(0, 200), more=st.integers(0, 30))
def test_a_text_has_its_length(least: int, more: int) -> None:
    found = samples.text({"minLength": least, "maxLength": least + more})
    assert least <= len(found) <= least + more
    assert re.fullmatch(r".*", found)
