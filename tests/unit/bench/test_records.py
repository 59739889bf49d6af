"""What a cold build leaves in the builder's cache is told from what is others'."""

from bench.records import marked

LISTING = """ID:\t\tcache1
Created at:\t2026-11-22 01:20:42.5 +0000 UTC
Description:\tcached mount /root/.cache/uv from exec /bin/sh -c HOME=/root with id "/ktrdr-bench-1"

ID:\t\tabove2
Parent:\t\tabove1
Description:\tmount / from exec /bin/sh -c second

ID:\t\tbase1
Description:\tpulled from docker.io/library/ktrdr-bench-1:base

ID:\t\tabove1
Parent:\t\tbase1
Description:\tmount / from exec /bin/sh -c first

ID:\t\tother1
Parent:\t\tother0
Description:\tmount / from exec /bin/sh -c first

Shared:\t\t1.2GB
Total:\t\t5GB
"""


def test_records_that_bear_the_mark_are_found_with_all_that_rest_on_them() -> None:
    assert marked(LISTING, "ktrdr-bench-1") == ["above1", "above2", "base1", "cache1"]


def test_where_nothing_bears_the_mark_nothing_is_found() -> None:
    assert marked(LISTING, "ktrdr-bench-2") == []
