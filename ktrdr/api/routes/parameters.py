"""Parameters that several routes share, with their bounds."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ktrdr.api.store import workers
from ktrdr.data.bars import TIME_PATTERN
from ktrdr.names import ESCAPED_PATTERN, NAME_PATTERN, SYMBOL_PATTERN, unescaped

DateText = Annotated[str, Field(pattern=TIME_PATTERN, max_length=40, examples=["2024-01-01"])]
SymbolName = Annotated[str, Field(pattern=SYMBOL_PATTERN, examples=["EURUSD"])]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]

SymbolInPath = Annotated[str, Path(pattern=ESCAPED_PATTERN, examples=["EURUSD"]), AfterValidator(unescaped)]
NameInPath = Annotated[str, Path(pattern=NAME_PATTERN)]


Offset = Annotated[int, Query(ge=0, le=1_000_000)]
DateInQuery = Annotated[str | None, Query(pattern=TIME_PATTERN, max_length=40)]


async def _caller(
    request: Request, token: Annotated[str, Header(alias="X-Worker-Token", pattern="^([0-9a-f]{32})?$")] = ""
) -> workers.Caller:
    """Return it; not in a thread, whose start costs more."""
    return workers.Caller(token, request.client.host if request.client else "")


CallerDep = Annotated[workers.Caller, Depends(_caller)]
"""Who sends a worker's request."""


class RequestBody(BaseModel):
    """A JSON body. Nothing is converted: a number is not a text, and true is not a number."""

    model_config = ConfigDict(strict=True, protected_namespaces=())
