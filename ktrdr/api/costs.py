"""What a request to each route may cost: the bytes of its answer, and the memory while it is made and sent.

docs/security.md has the same table, and tests hold both against the routes and against a running backend.
"""

from dataclasses import dataclass
from typing import Final

from ktrdr.model_files import CHECKPOINT_LIMIT, MIB
from ktrdr.records import PLAIN_LIMIT

KIB: Final = 1024


@dataclass(frozen=True)
class Cost:
    """The most bytes of a route's answer, and of memory for it beside that of the request's body."""

    answer: int
    memory: int


CHECKING: Final = 24 * MIB
"""What checking an uploaded model takes: beside the costs, because one is checked at a time."""
RECORD: Final = 4 * PLAIN_LIMIT
"""A record as JSON: the names of its columns stand in every row."""
SMALL: Final = Cost(64 * KIB, 256 * KIB)
COSTS: Final = {
    "GET /": SMALL,
    "GET /docs": SMALL,
    "GET /page/{path}": Cost(64 * KIB, 1 * MIB),
    "GET /metrics": SMALL,
    "GET /openapi.json": Cost(256 * KIB, 8 * MIB),
    "GET /api/v1/health": SMALL,
    "GET /api/v1/data/symbols": Cost(256 * KIB, 4 * MIB),
    "GET /api/v1/data/timeframes": SMALL,
    "GET /api/v1/data/info": Cost(512 * KIB, 6 * MIB),
    "POST /api/v1/data/range": SMALL,
    "GET /api/v1/data/{symbol}/{timeframe}": Cost(7 * MIB, 4 * MIB),
    "POST /api/v1/data/{symbol}/{timeframe}": Cost(64 * KIB, 2 * MIB),
    "GET /api/v1/indicators": SMALL,
    "GET /api/v1/indicators/categories": SMALL,
    "POST /api/v1/indicators/calculate": Cost(5 * MIB, 48 * MIB),
    "GET /api/v1/fuzzy/membership-functions": SMALL,
    "GET /api/v1/strategies": Cost(16 * MIB, 48 * MIB),
    "GET /api/v1/strategies/{name}": Cost(1 * MIB, 16 * MIB),
    "GET /api/v1/strategies/{name}/file": Cost(256 * KIB, 1 * MIB),
    "POST /api/v1/strategies": Cost(1 * MIB, 32 * MIB),
    "PUT /api/v1/strategies/{name}": Cost(1 * MIB, 32 * MIB),
    "DELETE /api/v1/strategies/{name}": SMALL,
    "POST /api/v1/strategies/validate/{name}": Cost(8 * MIB, 32 * MIB),
    "GET /api/v1/models": Cost(32 * MIB, 64 * MIB),
    "GET /api/v1/models/{name}": Cost(7 * MIB, 40 * MIB),
    "DELETE /api/v1/models/{name}": SMALL,
    "POST /api/v1/models/{name}/predict": Cost(64 * KIB, 40 * MIB),
    "GET /api/v1/models/{name}/archive": Cost(65 * MIB, 2 * MIB),
    "PUT /api/v1/models/{name}/archive": Cost(64 * KIB, 2 * MIB),
    "POST /api/v1/trainings/start": Cost(64 * KIB, 16 * MIB),
    "GET /api/v1/trainings/{task_id}/performance": Cost(9 * MIB, 64 * MIB),
    "POST /api/v1/backtests/start": Cost(64 * KIB, 40 * MIB),
    "GET /api/v1/operations": Cost(20 * MIB, 40 * MIB),
    "GET /api/v1/operations/{operation_id}": Cost(9 * MIB, 24 * MIB),
    "GET /api/v1/operations/{operation_id}/results": Cost(17 * MIB, 24 * MIB),
    "GET /api/v1/operations/{operation_id}/metrics": Cost(256 * KIB, 4 * MIB),
    "GET /api/v1/operations/{operation_id}/trades": Cost(RECORD, 2 * MIB),
    "GET /api/v1/operations/{operation_id}/equity": Cost(RECORD, 2 * MIB),
    "PUT /api/v1/operations/{operation_id}/trades": Cost(64 * KIB, 2 * MIB),
    "PUT /api/v1/operations/{operation_id}/equity": Cost(64 * KIB, 2 * MIB),
    "DELETE /api/v1/operations/{operation_id}": SMALL,
    "POST /api/v1/operations/{operation_id}/retry": Cost(64 * KIB, 2 * MIB),
    "DELETE /api/v1/operations/{operation_id}/entry": SMALL,
    "GET /api/v1/operations/{operation_id}/checkpoint": Cost(CHECKPOINT_LIMIT, 2 * MIB),
    "PUT /api/v1/operations/{operation_id}/checkpoint": Cost(64 * KIB, 2 * MIB),
    "POST /api/v1/workers/register": SMALL,
    "GET /api/v1/workers": Cost(2 * MIB, 16 * MIB),
    "GET /api/v1/workers/{worker_id}": SMALL,
    "DELETE /api/v1/workers/{worker_id}": SMALL,
    "POST /api/v1/workers/{worker_id}/heartbeat": Cost(256 * KIB, 256 * KIB),
}
"""By method and template; of two that fit a path, the one that stands first holds."""

_BY_LENGTH: Final[dict[tuple[str, int], list[tuple[list[str], Cost]]]] = {}
for _route, _cost in COSTS.items():
    _method, _, _template = _route.partition(" ")
    _parts = _template.split("/")
    _BY_LENGTH.setdefault((_method, len(_parts)), []).append((_parts, _cost))


def cost_of(method: str, path: str) -> Cost:
    """Return what a request may cost; a path that no route has costs little."""
    parts = path.split("/")
    for template, cost in _BY_LENGTH.get(("GET" if method == "HEAD" else method, len(parts)), ()):
        if all(wanted.startswith("{") or wanted == part for wanted, part in zip(template, parts, strict=True)):
            return cost
    return SMALL
