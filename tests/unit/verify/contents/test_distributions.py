"""Distributions as they lie on a file system: whose is which file, and how many bytes each takes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.contents.distributions import (
    Installed,
    bytes_by_owner,
    fingerprint,
    installed,
    owners,
    recorded,
    wheel_tags,
)

SITE = "/opt/venv/lib/python3.11/site-packages"


def metadata(name: str = "Foo.Bar_baz", version: str = "1.0", site: str = SITE) -> dict[str, str]:
    return {f"{site}/foo-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}


def owned(*rows: str) -> dict[str, str]:
    held = {**metadata("foo"), f"{SITE}/foo-1.0.dist-info/RECORD": "\n".join(rows)}
    return owners(installed(held), held)


def test_names_are_normalized() -> None:
    assert [one.name for one in installed(metadata("Foo.Bar_baz"))] == ["foo-bar-baz"]


def test_the_name_is_the_metadata_s_and_not_the_directory_s() -> None:
    (one,) = installed(metadata("other", "2.5"))
    assert one == Installed("other", "2.5", f"{SITE}/foo-1.0.dist-info")


def test_debian_s_own_directory_of_distributions_counts() -> None:
    assert [one.name for one in installed(metadata("foo", site="/usr/lib/python3/dist-packages"))] == ["foo"]


def test_a_distribution_in_another_s_vendored_directory_does_not_count() -> None:
    assert installed(metadata(site=f"{SITE}/setuptools/_vendor")) == []


def test_metadata_without_a_name_is_told_rather_than_left_out() -> None:
    assert [one.path for one in installed({f"{SITE}/x.dist-info/METADATA": "garbage"})] == [f"{SITE}/x.dist-info"]


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        ("License-Expression: MIT\nLicense: other", "MIT"),
        ("License: BSD 3-Clause", "BSD 3-Clause"),
        (f"License: {'x' * 100}\nClassifier: License :: OSI Approved :: MIT License", "x" * 100),
        (f"License: {'x' * 101}\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("License: first line\n  and a whole text\nClassifier: License :: OSI Approved :: ISC", "ISC"),
        ("Classifier: Topic :: Software Development", ""),
    ],
)
def test_a_licence_is_the_expression_or_the_field_or_the_classifier(headers: str, licence: str) -> None:
    text = f"Metadata-Version: 2.4\nName: foo\nVersion: 1\n{headers}\n\nLicense: not a header\n"
    assert [one.licence for one in installed({f"{SITE}/foo-1.dist-info/METADATA": text})] == [licence]


ROWS = ("foo/a.py,sha256=YQ,3", "foo/b.so,sha256=Yg,4", "foo-1.0.dist-info/METADATA,sha256=Yw,5")


def fingerprinted(*rows: str, site: str = SITE) -> str:
    held = {**metadata("foo", site=site), f"{site}/foo-1.0.dist-info/RECORD": "\n".join(rows)}
    (one,) = installed(held)
    return fingerprint(one, held)


@pytest.mark.parametrize(
    "more",
    [
        "../../../bin/foo,sha256=eA,9", "foo/__pycache__/a.cpython-311.pyc,sha256=eA,9", "foo/c.py,,",
        "foo-1.0.dist-info/INSTALLER,sha256=eA,9", "foo-1.0.dist-info/direct_url.json,sha256=eA,9",
    ],
)  # fmt: skip
def test_who_installed_a_wheel_and_where_is_not_in_its_fingerprint(more: str) -> None:
    assert fingerprinted(*ROWS, more) == fingerprinted(*reversed(ROWS)) != ""
    assert fingerprinted(*ROWS, site="/usr/lib/python3/site-packages") == fingerprinted(*ROWS)


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[1:],
        ("foo/a.py,sha256=eA,3", *ROWS[1:]),
        ("foo/z.py,sha256=YQ,3", *ROWS[1:]),
        (*ROWS, "foo/INSTALLER,sha256=eA,9"),
    ],
    ids=["less", "another content", "another name", "more"],
)
def test_whatever_a_wheel_brought_is_in_its_fingerprint(rows: tuple[str, ...]) -> None:
    assert fingerprinted(*rows) != fingerprinted(*ROWS)


def test_a_fingerprint_is_as_long_as_those_that_a_baseline_holds() -> None:
    assert re.fullmatch("[0-9a-f]{32}", fingerprinted(*ROWS))


def test_what_stands_behind_the_size_in_a_record_s_line_is_none_of_it() -> None:
    held = {**metadata("foo"), f"{SITE}/foo-1.0.dist-info/RECORD": "foo/a.py,sha256=YQ,3,4"}
    (one,) = installed(held)
    assert [row.size for row in recorded(one, held)] == [3]


def test_a_record_that_says_nothing_has_no_fingerprint() -> None:
    assert fingerprinted("foo/a.py,,") == ""


def test_a_record_owns_files_in_and_beside_its_directory() -> None:
    beside = ("../../../bin/foo,sha256=x,3", "/etc/foo.conf,sha256=x,3")
    found = owned("foo/a.py,sha256=x,3", *beside, "foo-1.0.dist-info/RECORD,,")
    assert set(found) == {
        f"{SITE}/foo/a.py", "/opt/venv/bin/foo", "/etc/foo.conf", f"{SITE}/foo-1.0.dist-info/RECORD",
    }  # fmt: skip
    assert set(found.values()) == {"foo"}


def test_a_record_may_quote_names_with_commas() -> None:
    assert list(owned('"foo/a,b.py",sha256=x,3')) == [f"{SITE}/foo/a,b.py"]


@pytest.mark.parametrize(
    "said",
    [
        "",
        ",,",
        ",,3",
        ",sha256=x",
        ",sha256=x,",
        ",sha256=,3",
        ",sha256=x,many",
        ",sha256=x,-3",
        ",sha256=x,²",
        ",md5=x,3",
    ],
)
def test_a_line_that_does_not_say_what_the_file_is_owns_nothing(said: str) -> None:
    assert owned(f"requests/__init__.py{said}", f"extra.pth{said}", f"bar-1.0.dist-info/RECORD{said}") == {}


def test_a_size_that_no_file_has_is_none() -> None:
    assert owned(f"foo/a.py,sha256=x,{'9' * 5000}") == {}


def test_a_distribution_without_record_owns_nothing() -> None:
    held = metadata("foo")
    assert owners(installed(held), held) == {}


def test_bytes_go_to_the_owner_and_the_rest_to_nobody() -> None:
    sizes = {
        f"{SITE}/a.py": 5,
        f"{SITE}/__pycache__/a.cpython-311.opt-1.pyc": 7,
        f"{SITE}/__pycache__/b.cpython-311.pyc": 2,
    }
    assert bytes_by_owner(sizes, {f"{SITE}/a.py": "foo"}) == {"foo": 12, "": 2}


@pytest.mark.parametrize("path", ["/x/d.pyc", "/__pycache__/d.txt"])
def test_only_cached_bytecode_belongs_to_the_source_beside_its_directory(path: str) -> None:
    assert bytes_by_owner({path: 5}, {"/d.py": "foo"}) == {"": 5}


def test_the_largest_comes_first() -> None:
    assert list(bytes_by_owner({"/a": 1, "/b": 9, "/c": 5}, {"/a": "x", "/b": "y", "/c": "z"})) == ["y", "z", "x"]


paths = st.sampled_from(["/a.py", "/__pycache__/a.cpython-311.pyc", "/b/c", "/__pycache__/x.pyc", "/d.pyc"])


@settings(deadline=None, max_examples=50)
@given(
    sizes=st.dictionaries(paths, st.integers(0, 10**12)),
    owner=st.dictionaries(paths, st.sampled_from(["foo", "bar"])),
)
def test_no_byte_is_lost_or_counted_twice(sizes: dict[str, int], owner: dict[str, str]) -> None:
    assert sum(bytes_by_owner(sizes, owner).values()) == sum(sizes.values())


@settings(deadline=None, max_examples=30)
@given(text=st.text(max_size=80), record=st.text(max_size=80))
def test_any_text_can_stand_in_metadata_and_record(text: str, record: str) -> None:
    held = {f"{SITE}/x-1.dist-info/METADATA": text, f"{SITE}/x-1.dist-info/RECORD": record}
    assert isinstance(owners(installed(held), held), dict)


def test_the_tags_of_the_wheel_that_a_distribution_came_in_are_told() -> None:
    text = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\nTag: py2-none-any\n\n"
    (one,) = installed(metadata("foo"))
    assert wheel_tags(one, {f"{one.path}/WHEEL": text}) == ["py2-none-any", "py3-none-any"]
    assert wheel_tags(one, {}) == []
