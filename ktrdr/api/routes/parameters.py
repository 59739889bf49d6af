"""Parameters that several routes take, with their bounds."""

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field

from ktrdr.names import NAME_PATTERN, SYMBOL_PATTERN

TimeframeName = Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"]
DateText = Annotated[str, Field(min_length=10, max_length=32, examples=["2024-01-01"])]
SymbolName = Annotated[str, Field(pattern=SYMBOL_PATTERN, examples=["EURUSD"])]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]

SymbolInPath = Annotated[str, Path(pattern=SYMBOL_PATTERN)]
NameInPath = Annotated[str, Path(pattern=NAME_PATTERN)]
DateInQuery = Annotated[str | None, Query(min_length=10, max_length=32)]
