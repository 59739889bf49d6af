"""The OpenAPI document: what each route says of its answers, and the shapes behind it, made when it is asked for."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI

from ktrdr.api.errors import JSON

ERROR: Final = "ErrorAnswer"
ALWAYS: Final = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
OF_CHANGES: Final = (HTTPStatus.FORBIDDEN,)
OF_BODIES: Final = (*OF_CHANGES, HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

Responses = dict[int | str, dict[str, Any]]


def answer(status: int, shape: str) -> Responses:
    """Say that a route answers so: `shape` is the name of a class in `ktrdr.api.shapes`."""
    return _of(status, JSON, {"$ref": f"#/components/schemas/{shape}"})


def media(status: int, media_type: str) -> Responses:
    """Say that a route answers with something other than JSON."""
    return _of(status, media_type, {"type": "string", "format": "binary"})


def errors(*statuses: int) -> Responses:
    """Say which errors a route has of its own; the common ones are added."""
    found: Responses = {}
    for status in (*statuses, *ALWAYS):
        found |= answer(status, ERROR)
    return found


def answers(shape: str, *statuses: int, status: int = HTTPStatus.OK) -> Responses:
    """Say what a route answers where all is well, and the statuses of its own errors."""
    return errors(*statuses) | answer(status, shape)


def answers_to_change(shape: str, *statuses: int, status: int = HTTPStatus.OK) -> Responses:
    """Say the same of a route that changes something, which pages of other origins may not."""
    return answers(shape, *statuses, *OF_CHANGES, status=status)


def answers_to_body(shape: str, *statuses: int, status: int = HTTPStatus.OK) -> Responses:
    """Say the same of a route that takes a body: it may not be readable, or too long."""
    return answers(shape, *statuses, *OF_BODIES, status=status)


def answers_to_json(shape: str, *statuses: int, status: int = HTTPStatus.OK) -> Responses:
    """Say the same of a route whose body is JSON: it may be called something else."""
    return answers_to_body(shape, *statuses, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, status=status)


def body(media_type: str) -> dict[str, Any]:
    """Describe a request's body that is read as it comes."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}}


def _of(status: int, media_type: str, schema: dict[str, Any]) -> Responses:
    # A number, where HTTPStatus would be a key of its own in the document
    return {int(status): {"description": HTTPStatus(status).phrase, "content": {media_type: {"schema": schema}}}}


class DocumentedApi(FastAPI):
    """A FastAPI application whose routes name the shapes of their answers; they are loaded with the first asking."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        schemas = document["components"]["schemas"]
        if ERROR not in schemas:
            schemas.update(_shapes())
        return document


def _shapes() -> dict[str, Any]:
    from pydantic.json_schema import models_json_schema  # noqa: PLC0415  most backends are never asked

    from ktrdr.api import shapes  # noqa: PLC0415  likewise

    found = [kind for name, kind in vars(shapes).items() if name.endswith("Answer")]
    _, definitions = models_json_schema(
        [(kind, "validation") for kind in found], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
