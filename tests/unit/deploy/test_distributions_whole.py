"""What lies among the distributions is one of theirs, and is what its RECORD says."""

import base64
import hashlib

import pytest

from tests.unit.deploy.archives import SITE, distribution, file, read


def test_a_file_where_python_finds_packages_that_no_record_lists_is_told_with_its_layer() -> None:
    owned = distribution("idna", "3.0", file(f"{SITE}/idna/core.py"))
    stray = file(f"{SITE}/requests/__init__.py"), file(f"{SITE}/requests/__pycache__/api.cpython-311.pyc")
    contents = read([file("usr/lib/python3/dist-packages/x.py")], owned, [*stray, file("opt/notes.py")])
    assert contents.unowned == {f"/{one.path}": 2 for one in stray}


def test_bytecode_of_a_source_that_a_record_lists_is_that_distribution_s() -> None:
    owned = distribution("idna", "3.0", file(f"{SITE}/idna/core.py"))
    assert read([], [*owned, file(f"{SITE}/idna/__pycache__/core.cpython-311.pyc")]).unowned == {}


@pytest.mark.parametrize(
    ("source", "altered"), [("safe = 1\n", []), ("safe = 0\n", [f"/{SITE}/idna/core.py"])], ids=["the same", "another"]
)
def test_a_source_whose_content_is_not_what_its_record_says_is_told(source: str, altered: list[str]) -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"safe = 1\n").digest()).rstrip(b"=").decode()
    info = f"{SITE}/idna-3.0.dist-info"
    below = [
        file(f"{info}/METADATA", "Name: idna\nVersion: 3.0\n"),
        file(f"{info}/RECORD", f"idna/core.py,sha256={digest},9\nidna/data.py,,\n"),
    ]
    contents = read([], below, [file(f"{SITE}/idna/core.py", source), file(f"{SITE}/idna/data.py", "x")])
    assert contents.altered == altered
