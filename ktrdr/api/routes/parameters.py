"""Parameters that several routes take, with their bounds."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ktrdr.data.bars import TIME_PATTERN
from ktrdr.names import NAME_PATTERN, SYMBOL_PATTERN

# Those of `ktrdr.names.TIMEFRAMES`, as the framework needs them written
TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
DateText = Annotated[str, Field(pattern=TIME_PATTERN, max_length=40, examples=["2024-01-01"])]
SymbolName = Annotated[str, Field(pattern=SYMBOL_PATTERN, examples=["EURUSD"])]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]

SymbolInPath = Annotated[str, Path(pattern=SYMBOL_PATTERN)]
NameInPath = Annotated[str, Path(pattern=NAME_PATTERN)]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""JSON has one kind of number: 5.0 is an integer (JSON Schema validation, type). Stands after the bounds: no schema
would say those that stand after it."""

DateInQuery = Annotated[str | None, Query(pattern=TIME_PATTERN, max_length=40)]


class RequestBody(BaseModel):
    """A body in JSON. Nothing is converted: a number is no text, and true is no number."""

    model_config = ConfigDict(strict=True, protected_namespaces=())
