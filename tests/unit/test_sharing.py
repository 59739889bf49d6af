"""What shares something runs in one process of pytest's, the longest first, also when folders change their names."""

from pathlib import Path

from tests.conftest import APART, SHARED, share, turn
from tests.support.checkout import ROOT

TESTS = ROOT / "tests"


def directories_of(tests: str) -> set[str]:
    """Return the directories with a test module that has these words."""
    return {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py") if tests in source(path)}


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_directory_that_shares_something_is_there() -> None:
    assert [name for name in SHARED if not (TESTS / name).is_dir()] == []


def test_every_directory_of_tests_shares_something_or_holds_unit_tests() -> None:
    assert directories_of("def test_") - SHARED.keys() == {"unit"}


def test_tests_on_the_images_take_turns_in_one_process() -> None:
    on_the_images = {share(f"tests/{directory}/test_one.py::test_it") for directory in ("integration", "broken_images")}
    assert len(on_the_images) == 1
    others = [f"tests/resilience/{APART[0]}", *(f"tests/integration/{name}" for name in APART)]
    assert not on_the_images & {share(f"{module}::test_it") for module in others}


def test_what_is_apart_from_the_images_has_no_use_for_them() -> None:
    for name in APART:
        text = source(TESTS / "integration" / name)
        assert "images: Images" not in text, name
        assert "read_contract().images[" not in text, name


def test_unit_tests_share_their_module_alone() -> None:
    one, same, other = (
        f"tests/unit/{name}" for name in ("test_a.py::test_it", "test_a.py::test_more", "test_b.py::test_it")
    )
    assert share(one) == share(same) != share(other)


def test_what_takes_longest_begins_first_and_unit_tests_last() -> None:
    names = [f"tests/{directory}/test_one.py::test_it" for directory in ("unit", "api", "resilience", "integration")]
    assert sorted(names, key=turn) == names[::-1]


def test_product_tags_are_used_where_the_images_are_alone() -> None:
    """A tag that another process moves is another image: what runs beside them builds under names of its own."""
    using = {path for path in (TESTS / "resilience").rglob("*.py") if "read_contract().images[" in source(path)}
    assert {path.name for path in using} <= {"test_same_layers.py"}  # the name of a Dockerfile
