"""The queue's tests of tests/unit, with a database of either kind (the fixture `database`) in place of a file."""

from tests.unit.ktrdr.test_dispatch import *  # noqa: F403  the same tests and no list of them
from tests.unit.ktrdr.test_dispatch_workers import *  # noqa: F403  likewise
