"""What shares an engine runs in one process of pytest's, also when directories of tests change their names."""

from deploy.contract import ROOT
from tests.conftest import ON_THE_ENGINE, share

USES_THE_ENGINE = "from tests.integration.conftest import"


def test_every_directory_that_shares_the_engine_is_there() -> None:
    assert sorted(path.name for path in (ROOT / "tests").iterdir() if path.name in ON_THE_ENGINE) == sorted(
        ON_THE_ENGINE
    )


def test_tests_on_the_engine_share_a_process_and_unit_tests_do_not() -> None:
    on_the_engine = {share(f"tests/{directory}/test_one.py::test_it") for directory in ON_THE_ENGINE}
    assert on_the_engine == {"engine"}
    assert share("tests/unit/test_one.py::test_it") != share("tests/unit/test_one.py::test_other")


def test_what_uses_the_images_is_on_the_engine() -> None:
    using = {
        path.relative_to(ROOT / "tests").parts[0]
        for path in (ROOT / "tests").rglob("test_*.py")
        if f"\n{USES_THE_ENGINE}" in path.read_text(encoding="utf-8")
    }
    assert using
    assert using <= ON_THE_ENGINE
