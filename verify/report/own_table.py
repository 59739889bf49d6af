"""The contract's own checks as the contract writes them."""

from collections.abc import Iterable, Iterator

from deploy.own_checks import OwnCheck
from verify.report.toml import lines


def check_lines(table: str, checks: Iterable[OwnCheck]) -> Iterator[str]:
    """Yield the lines of these checks, each as a table of this name (``checks``, ``images.ROLE.checks``)."""
    for check in checks:
        yield from ("", f"[[{table}]]")
        for key, value in check.model_dump(exclude_defaults=True).items():
            yield from lines(key, value)
