"""The OpenAPI document: the answers that each route declares and their shapes, built at the first request for it."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from ktrdr.api.errors import JSON

ERROR: Final = "ErrorAnswer"
ALWAYS: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
OF_BODIES: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

Responses = dict[int | str, dict[str, Any]]


def answer(status: int, shape: str) -> Responses:
    """Declare an answer of a route: `shape` is the name of one of `ktrdr.api.shapes.ANSWERS`."""
    return _of(status, JSON, {"$ref": f"#/components/schemas/{shape}"})


def media(status: int, media_type: str) -> Responses:
    """Declare an answer that is not JSON."""
    return _of(status, media_type, {"type": "string", "format": "binary"})


def errors(*statuses: int) -> Responses:
    """Declare a route's own errors; the common ones are added."""
    found: Responses = {}
    for status in (*statuses, *ALWAYS):
        found |= answer(status, ERROR)
    return found


def answers(shape: str, *statuses: int, status: int = HTTPStatus.OK) -> Responses:
    """Declare a route's successful answer, and the statuses of its own errors."""
    return errors(*statuses) | answer(status, shape)


def answers_to_body(shape: str, *statuses: int, status: int = HTTPStatus.OK) -> Responses:
    """Declare the answers of a route with a body, which may be unreadable or too long."""
    return answers(shape, *statuses, *OF_BODIES, status=status)


def answers_to_json(shape: str, *statuses: int, status: int = HTTPStatus.OK) -> Responses:
    """Declare the answers of a route with a JSON body, whose content type may be another."""
    return answers_to_body(shape, *statuses, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, status=status)


def body(media_type: str) -> dict[str, Any]:
    """Describe a request body that is read as raw bytes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}}


def _of(status: int, media_type: str, schema: dict[str, Any]) -> Responses:
    # HTTPStatus would be another key than the number in the document.
    return {int(status): {"description": HTTPStatus(status).phrase, "content": {media_type: {"schema": schema}}}}


class DocumentedApi(FastAPI):
    """A FastAPI application whose routes name the shapes of their answers. They are loaded at the first request."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        schemas = document["components"]["schemas"]
        if ERROR not in schemas:
            schemas.update(_shapes())
        return document


def _shapes() -> dict[str, Any]:
    from pydantic.json_schema import models_json_schema  # noqa: PLC0415  most backends are never asked for it

    from ktrdr.api import shapes  # noqa: PLC0415  likewise

    _, definitions = models_json_schema(
        [(shape, "validation") for shape in shapes.ANSWERS], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
