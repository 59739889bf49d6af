"""The groups of figures, in the order in which they are taken."""

from collections.abc import Callable, Iterator

from bench.groups import builds, cold, contents, crowd, growth, starting, trading, verification, years
from bench.model import Figure
from bench.workplace import Workplace

Group = Callable[[Workplace], Iterator[Figure]]

GROUPS: dict[str, Group] = {
    "starting": starting.figures,
    "years": years.figures,
    "crowd": crowd.figures,
    "trading": trading.figures,
    "verification": verification.figures,
    "builds": builds.figures,
    "contents": contents.figures,
    "growth": growth.figures,
    "cold": cold.figures,
}
