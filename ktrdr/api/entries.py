"""What the answers hold: the shapes of their parts, for the OpenAPI document alone."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ktrdr.api.store.operations import OperationType, Status
from ktrdr.api.store.workers import WorkerType
from ktrdr.names import Timeframe


class Shape(BaseModel):
    """An object with these fields and no other."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class ErrorContent(Shape):
    """`code` is for programs, `message` for people."""

    code: str
    message: str
    details: dict[str, Any]


class ErrorAnswer(Shape):
    """The shape of every error."""

    success: Literal[False]
    error: ErrorContent


class DatabaseState(Shape):
    """The state of the store."""

    state: Literal["ok", "unusable"]
    kind: str
    schema_version: int


class HealthAnswer(Shape):
    """Whether the backend can work; if not, `reason` says why."""

    status: Literal["ok", "unavailable"]
    version: str
    uptime_s: float = Field(ge=0)
    database: DatabaseState
    reason: str = ""


class SymbolEntry(Shape):
    """A stored symbol."""

    symbol: str
    timeframes: list[Timeframe]


class TimeframeEntry(Shape):
    """A timeframe and its length."""

    timeframe: Timeframe
    seconds: int


class SeriesEntry(Shape):
    """What is stored of one symbol and timeframe."""

    symbol: str
    timeframe: Timeframe
    points: int = Field(ge=1)
    start_date: AwareDatetime
    end_date: AwareDatetime
    size_bytes: int


class UploadEntry(SeriesEntry):
    """A series after an upload: the bars that the text had, how the series changed, and what to know of it."""

    bars_received: int
    bars_added: int
    bars_changed: int
    bars_removed: int
    notes: list[str]


class DataInfoContent(Shape):
    """All stored series."""

    series: list[SeriesEntry]
    total_series: int
    total_points: int


class BarsMetadata(Shape):
    """Describes the rows. `version` changes with the series; the next page, if there is one, begins at `next_start`.

    `total` is the number of bars in the range.
    """

    symbol: str
    timeframe: Timeframe
    columns: list[str]
    timezone: Literal["UTC"]
    version: str
    next_start: AwareDatetime | None
    total: int


class BarsContent(Shape):
    """Bars as rows of open, high, low, close, volume."""

    dates: list[AwareDatetime]
    ohlcv: list[tuple[float, float, float, float, float]]
    points: int
    metadata: BarsMetadata


class CalculatedMetadata(Shape):
    """Describes the values; the next page, if there is one, begins at `next_start`."""

    symbol: str
    timeframe: Timeframe
    next_start: AwareDatetime | None


class CalculatedContent(Shape):
    """Values of indicators by `name.output`, one for each date."""

    dates: list[AwareDatetime]
    indicators: dict[str, list[float | None]]
    points: int
    metadata: CalculatedMetadata


class CategoryEntry(Shape):
    """A category of indicators."""

    category: str
    description: str
    indicators: list[str]


class MembershipEntry(Shape):
    """A membership function."""

    type: str
    parameters: list[str]
    parameter_count: int
    description: str


class StrategyEntry(Shape):
    """A strategy in the list."""

    name: str
    description: str
    symbols: list[str]
    timeframes: list[str]
    valid: bool
    issue_count: int
    shipped: bool


class ModelEntry(Shape):
    """A model's own description; `created_at` is when the backend stored it."""

    name: str
    model_path: str
    created_at: AwareDatetime
    features: dict[str, Any]
    metrics: dict[str, Any]
    metadata: dict[str, Any]


class Progress(Shape):
    """An operation's progress."""

    percentage: float = Field(ge=0, le=100)
    current_step: str
    steps_completed: int
    steps_total: int


class OperationMetadata(Shape):
    """An operation's request and its worker."""

    request: dict[str, Any]
    worker_id: str | None
    retry_of: str | None
    cancel_requested: bool


class OperationEntry(Shape):
    """An operation."""

    operation_id: str
    operation_type: OperationType
    status: Status
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    completed_at: AwareDatetime | None
    progress: Progress
    metadata: OperationMetadata
    error_code: str | None
    error_message: str | None
    result_summary: dict[str, Any] | None


class EpochEntry(Shape):
    """Losses and accuracies of a training's parts after an epoch, counted from 1."""

    epoch: int
    train_loss: float
    train_accuracy: float = Field(ge=0, le=1)
    val_loss: float
    val_accuracy: float = Field(ge=0, le=1)


class TradeEntry(Shape):
    """A closed position, always of the whole equity. Money is in the quote currency.

    The prices are those of the fills, slippage included. `profit` is what the equity gained, after `commission`.
    `slippage` tells what the worse fills cost; it is part of `profit` already. `return_pct` is `profit` in percent of
    the equity at the entry.
    """

    direction: Literal["long", "short"]
    entry_time: AwareDatetime
    exit_time: AwareDatetime
    entry_price: float
    exit_price: float
    units: float = Field(gt=0)
    commission: float
    slippage: float
    profit: float
    return_pct: float


class EquityPoint(Shape):
    """The equity at the close of the bar that opens at `timestamp`."""

    timestamp: AwareDatetime
    equity: float


class WorkerCapabilities(Shape):
    """A worker's hardware and libraries."""

    gpu: bool
    gpu_type: str | None
    gpu_count: int
    torch: str | None
    cuda: str | None


class WorkerEntry(Shape):
    """A worker."""

    worker_id: str
    type: WorkerType
    status: Literal["idle", "busy", "offline"]
    endpoint_url: str
    capabilities: WorkerCapabilities
    current_operation_id: str | None
    registered_at: AwareDatetime
    last_seen: AwareDatetime


class Assignment(Shape):
    """The operation that a worker is to begin."""

    operation_id: str
    operation_type: OperationType
    request: dict[str, Any]
