"""Which tests may run beside which: unit tests beside any, those that share an engine or a server one after another."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
ON_THE_ENGINE = {"accidents", "browser", "faults", "images"}  # directories whose tests share images and the processors


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        directory = item.path.relative_to(HERE).parts[0]
        if directory != "unit":
            group = "engine" if directory in ON_THE_ENGINE else directory
            item.add_marker(pytest.mark.xdist_group(group))
