"""Every path above the base has an owner that the contract, the lock or the checkout knows; secrets have none."""

from functools import partial
from typing import Any

import pytest
from pydantic import TypeAdapter

from deploy.allowed_files import Files
from tests.support.cases import CONTRACT, SITE, Change, Facts, good, many
from tests.support.changes import application, contents, installed, stray
from verify.contents.files import APPLICATION
from verify.judge.verdict import Finding


def found(check: str, change: Change | None = None, role: str = "backend") -> Finding:
    return good(role, change).findings()[check]


def read_files(lines: dict[str, Any]) -> Files:
    """Lines on files, as the contract writes them."""
    return TypeAdapter(Files).validate_python(lines)


def allowed(**values: Any) -> Change:
    """More keys of the role's contract."""

    def change(facts: Facts) -> None:
        image = facts.image.model_copy(update=values)
        facts.contract = facts.contract.model_copy(update={"images": {**facts.contract.images, facts.role: image}})

    return change


def test_what_nobody_owns_is_told_by_path_bytes_reason_and_layer() -> None:
    change = stray("/etc/apt/apt.conf.d/01proxy", bytes=34)
    assert found("leftovers", change).found == (
        "/etc/apt/apt.conf.d/01proxy (34 B, where the build host takes packages from, layer 2)"
    )


def test_paths_of_one_directory_are_told_together_those_with_the_most_bytes_first() -> None:
    strays = (stray(f"/srv/src/{number:02}/x", top="/srv/src", bytes=1_000_000) for number in range(14))
    text = found("leftovers", many(stray("/srv/small"), *strays)).found
    assert text.startswith("/srv/src: 14 paths: 00/x, 01/x, ")
    assert text.endswith("11/x and 2 more (14.0 MB, layer 2), /srv/small (0.1 kB, layer 2)")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/root/.cache/uv/a", "a package cache"), ("/var/lib/apt/lists/x", "a package cache"),
        ("/var/cache/apt/pkgcache.bin", "a package cache"), ("/opt/x.whl", "a package cache"),
        ("/etc/pip.conf", "takes packages from"), ("/etc/apt/sources.list.d/corp.list", "takes packages from"),
        ("/usr/lib/libcuda.so.1", "the driver's"), ("/usr/bin/nvidia-smi", "the driver's"),
        ("/usr/bin/as", "a compiler"),
        ("/usr/bin/x86_64-linux-gnu-ld.bfd", "a compiler"), ("/usr/bin/gcc-12", "a compiler"),
        ("/srv/src/pyproject.toml", "a checkout"), ("/srv/src/tests/test_x.py", "a checkout"),
        ("/tmp/x", "temporary"), ("/data/k.db", "data"), ("/srv/.git/HEAD", "git"), ("/root/.netrc", "credentials"),
    ],
)  # fmt: skip
def test_a_known_kind_is_the_reason(path: str, reason: str) -> None:
    assert reason in found("leftovers", stray(path)).found


@pytest.mark.parametrize("path", ["/usr/bin/env", "/etc/motd", "/opt/.gitkeep", "/home/ktrdr/caf\\xe9.txt", "/x"])
def test_what_is_of_no_known_kind_fails_all_the_same(path: str) -> None:
    assert found("leftovers", stray(path)).found == f"{path} (0.1 kB, layer 2)"


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("link", {"bytes": 0, "target": "/etc"}, "a link to /etc"),
        ("program", {}, "0.1 kB, a program"), ("device", {"bytes": 0}, "a device"),
        ("directory", {"bytes": 0}, "a directory"), ("file", {"gone": True}, "removed later"),
        ("file", {"package": "binutils"}, "of the package binutils"),
    ],
)  # fmt: skip
def test_what_it_is_and_what_became_of_it_is_told(kind: str, values: dict[str, Any], words: str) -> None:
    assert words in found("leftovers", stray("/srv/x", kind=kind, **values)).found


@pytest.mark.parametrize("path", ["/data", "/home/ktrdr", "/app"])
def test_the_directories_that_the_configuration_names_need_no_line(path: str) -> None:
    change = stray(path, kind="directory", bytes=0)
    assert found("leftovers", change, "dev").outcome == "PASS"
    assert found("leftovers", stray(path), "dev").outcome == "FAIL"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd-", "/etc/gshadow", "/etc/subuid", "/etc/.pwd.lock", "/var/log/lastlog", "/etc/ld.so.cache",
        "/var/cache/ldconfig/aux-cache", "/etc/localtime", "/etc/timezone",
    ],
)  # fmt: skip
def test_what_the_base_s_own_programs_write_needs_no_line_as_long_as_it_is_small(path: str) -> None:
    assert found("leftovers", stray(path, bytes=2 * 10**6)).outcome == "PASS"
    assert found("leftovers", stray(path, bytes=2 * 10**6 + 1)).outcome == "FAIL"
    assert found("leftovers", stray(path, kind="device")).outcome == "FAIL"
    assert found("leftovers", stray(path, kind="program")).outcome == "FAIL"
    link = found("leftovers", stray(path, kind="link", bytes=0)).outcome
    assert link == ("PASS" if path == "/etc/localtime" else "FAIL")


@pytest.mark.parametrize("path", ["/var/lib/dpkg/tool", "/var/lib/dpkg/info/x.list", "/var/log/other.log"])
def test_beside_what_the_base_s_programs_write_a_path_needs_a_line(path: str) -> None:
    assert found("leftovers", stray(path)).outcome == "FAIL"


def test_an_empty_file_where_a_secret_was_mounted_is_no_credential() -> None:
    assert found("leftovers", many(stray("/root/.netrc", bytes=0), stray("/srv/.env", bytes=0))).outcome == "PASS"
    assert found("leftovers", stray("/root/.netrc", bytes=0, kind="link")).outcome == "FAIL"
    assert found("leftovers", stray("/root/.netrc", bytes=0, kind="hard link")).outcome == "FAIL"
    assert found("leftovers", stray("/root/.notes", bytes=0)).outcome == "FAIL"


def test_a_line_of_the_contract_allows_a_path_and_its_bytecode_and_crosses_no_directory() -> None:
    files = allowed(files=read_files({"/opt/tools/*.py": "tools of the people who look after it"}))
    inside = many(files, stray("/opt/tools/a.py"))
    assert found("leftovers", inside).outcome == "PASS"
    compiled = many(inside, stray("/opt/tools/__pycache__/a.cpython-311.pyc"))
    assert found("leftovers", compiled).outcome == "PASS"
    assert found("leftovers", many(inside, stray("/opt/tools/deep/a.py"))).outcome == "FAIL"
    assert found("leftovers", many(inside, stray("/opt/tools/aXpy"))).outcome == "FAIL"


KINDS = {
    "file": "a good reason",
    "program": {"kind": "program", "reason": "a good reason"},
    "link": {"kind": "link", "target": "other", "reason": "a good reason"},
    "directory": {"kind": "directory", "reason": "a good reason"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("there", [*KINDS, "hard link", "device"])
def test_a_line_allows_the_kind_that_it_says_and_no_other(kind: str, there: str) -> None:
    target = "other" if there == "link" else ""
    change = many(allowed(files=read_files({"/srv/x": KINDS[kind]})), stray("/srv/x", kind=there, target=target))
    finding = found("leftovers", change)
    if kind == there or (kind, there) == ("file", "hard link"):
        assert finding.outcome == "PASS"
    else:
        words = f"a {kind}{' to other' * (kind == 'link')}"
        assert f"allowed as {words} only" in finding.found
        assert f"named in the contract, but not in the image: /srv/x ({words})" in finding.found


def test_a_link_that_the_contract_allows_leads_where_the_contract_says() -> None:
    line = {"kind": "link", "target": "libz.so.*", "reason": "a good reason"}
    change = allowed(files=read_files({"/srv/x": line}))
    there = partial(stray, "/srv/x", kind="link", bytes=0)
    assert found("leftovers", many(change, there(target="libz.so.1"))).outcome == "PASS"
    text = found("leftovers", many(change, there(target="/data/libz.so.1"))).found
    assert text.startswith("/srv/x (a link to /data/libz.so.1, allowed as a link to libz.so.* only, layer 2)")


def test_a_program_of_the_contract_s_has_bytecode_which_nobody_may_execute() -> None:
    change = many(allowed(files=read_files({"/opt/a.py": KINDS["program"]})), stray("/opt/a.py", kind="program"))
    compiled = partial(stray, "/opt/__pycache__/a.cpython-311.pyc")
    assert found("leftovers", many(change, compiled())).outcome == "PASS"
    assert found("leftovers", many(change, compiled(kind="program"))).outcome == "FAIL"
    link = many(
        allowed(files=read_files({"/opt/a.py": KINDS["link"]})), stray("/opt/a.py", kind="link", target="other")
    )
    assert found("leftovers", many(link, compiled())).outcome == "FAIL"


def test_a_line_that_the_image_does_not_use_is_told() -> None:
    change = allowed(files=read_files({"/opt/nothing": "there was something here"}), packages=["libgomp1"])
    told = "named in the contract, but not in the image: /opt/nothing (a file), libgomp1"
    assert found("leftovers", change).found == told


def test_a_package_that_the_contract_names_owns_its_files_and_what_dpkg_writes_of_it() -> None:
    paths = ("/var/lib/dpkg/status", "/var/log/apt/history.log", "/var/cache/debconf/config.dat", "/var/log/dpkg.log")
    written = [stray(path) for path in paths]
    made = [
        stray(path, kind="directory", bytes=0) for path in ("/var/lib/apt/lists/partial", "/var/cache/apt/archives")
    ]
    its = [installed("libgomp1"), stray("/usr/lib/libgomp.so.1", package="libgomp1"), *written, *made]
    assert found("leftovers", many(allowed(packages=["libgomp1"]), *its)).outcome == "PASS"
    text = found("leftovers", many(*its)).found
    assert "/usr/lib/libgomp.so.1 (0.1 kB, of the package libgomp1, layer 2)" in text
    assert text.endswith("Debian packages that the contract does not name: libgomp1 1.0")


def test_a_program_has_an_owner_by_a_package_or_a_line_that_the_contract_names() -> None:
    path = "/usr/bin/tini"
    its = many(installed("tini"), stray(path, package="tini", kind="program"))
    assert found("leftovers", its).outcome == "FAIL"
    assert found("leftovers", many(allowed(packages=["tini"]), its)).outcome == "PASS"
    line = allowed(files=read_files({path: KINDS["program"]}))
    assert found("leftovers", many(line, stray(path, kind="program"))).outcome == "PASS"


def test_a_line_for_a_link_allows_no_program_there() -> None:
    finding = found("leftovers", stray("/opt/venv/bin/python3", layer=3, kind="program"))
    assert "/opt/venv/bin/python3 (" in finding.found
    assert "allowed as a link to python only" in finding.found


@pytest.mark.parametrize(("layer", "outcome"), [(0, "PASS"), (1, "FAIL"), (2, "FAIL")])
def test_from_the_first_layer_above_the_base_on_everything_counts(layer: int, outcome: str) -> None:
    held = {"kind": "private key", "path": f"{SITE}/idna/notes.txt", "layer": layer}
    assert found("leftovers", contents(leftovers=[held])).outcome == outcome
    assert found("leftovers", contents(spoilt={"package bash (gone)": layer})).outcome == outcome
    assert found("leftovers", stray("/srv/x", layer=layer)).outcome == outcome
    assert found("leftovers", installed("tini", layer)).outcome == outcome


def test_two_paths_of_a_directory_are_told_by_name_as_many_are() -> None:
    text = found("leftovers", many(stray("/srv/src/b", top="/srv/src"), stray("/srv/src/a", top="/srv/src"))).found
    assert text.startswith("/srv/src: 2 paths: a, b (")
    dozen = many(*(stray(f"/srv/src/{number:02}", top="/srv/src") for number in range(12)))
    assert " and " not in found("leftovers", dozen).found.partition("(")[0]


def test_a_package_cache_is_nobody_s_although_the_contract_names_a_package() -> None:
    change = many(allowed(packages=["libgomp1"]), installed("libgomp1"), stray("/var/lib/apt/lists/x_Packages"))
    assert found("leftovers", change).outcome == "FAIL"


def test_a_package_of_the_base_is_not_one_that_the_image_adds() -> None:
    assert found("leftovers", installed("libgomp1", 0)).outcome == "PASS"
    change = many(allowed(packages=["libgomp1"]), installed("libgomp1", 0))
    assert "not in the image: libgomp1" in found("leftovers", change).found


@pytest.mark.parametrize("kind", ["private key", "credentials", "archive", "whiteout"])
def test_a_secret_in_a_file_that_a_distribution_owns_is_told(kind: str) -> None:
    held = {"kind": kind, "path": f"{SITE}/idna/notes.txt", "layer": 2}
    assert found("leftovers", contents(leftovers=[held])).found == f"{SITE}/idna/notes.txt ({kind}, layer 2)"


@pytest.mark.parametrize("kind", ["certificate", "environment", "git", "named like credentials"])
def test_what_is_no_secret_by_itself_is_told_of_a_file_that_nobody_owns(kind: str) -> None:
    held = [{"kind": kind, "path": path, "layer": 2} for path in (f"{SITE}/certifi/cacert.pem", "/opt/x.zip!/a")]
    assert found("leftovers", contents(leftovers=held)).outcome == "PASS"
    text = found("leftovers", many(contents(leftovers=held), stray("/opt/x.zip"))).found
    assert text == f"/opt/x.zip!/a ({kind}, layer 2), /opt/x.zip (0.1 kB, layer 2)"


def test_what_the_base_holds_is_nobody_s_business() -> None:
    below = [{"kind": "private key", "path": "/etc/ssl/private/snakeoil.key", "layer": 0}]
    assert found("leftovers", many(contents(leftovers=below), stray("/opt/base", 0))).outcome == "PASS"
    assert found("leftovers", stray("/opt/above", 1)).found == "/opt/above (0.1 kB, layer 1)"
    assert found("leftovers", installed("tini", 1)).found.endswith("does not name: tini 1.0")


def test_among_distributions_a_path_without_owner_is_told_by_lock_parity_alone_and_a_deleted_one_here() -> None:
    path = f"{SITE}/requests/api.py"
    assert found("leftovers", stray(path)).outcome == "PASS"
    assert path in found("lock-parity", stray(path)).found
    gone = stray(path, gone=True)
    assert path in found("leftovers", gone).found
    assert found("lock-parity", gone).outcome == "PASS"


def test_every_file_of_the_application_is_held_against_the_checkout_by_name() -> None:
    change = many(
        application("api/page/static/curve.js", "f" * 64),
        application("notes.txt", "f" * 64),
        application("__pycache__/__init__.cpython-311.pyc", "0" * 64),
        application("__pycache__/gone.cpython-311.pyc", "0" * 64),
        lambda facts: facts.sources.update({"strategies/a.yaml": "a" * 64}),
    )
    place = f"{SITE}/ktrdr"
    finding = found("checkout-parity", change)
    assert (finding.outcome, finding.category) == ("FAIL", "CODE_BUG")
    assert finding.found == (
        f"missing: {place}/strategies/a.yaml; another content: {place}/api/page/static/curve.js; "
        f"not in the checkout, or not tracked by git: {place}/__pycache__/gone.cpython-311.pyc, {place}/notes.txt"
    )
    assert found("checkout-parity").found == f"the same in {place}"


def test_a_link_or_a_device_in_place_of_the_application_s_file_has_another_content() -> None:
    assert "another content" in found("checkout-parity", application("__init__.py", "")).found


def test_an_application_that_lies_there_twice_fails() -> None:
    def change(facts: Facts) -> None:
        facts.part("contents")["application"]["/app/ktrdr"] = dict(facts.sources)

    assert found("checkout-parity", change).found == f"more than once: {SITE}/ktrdr, /app/ktrdr"


def test_an_image_without_the_application_fails() -> None:
    assert found("checkout-parity", contents(application={})).found == "no directory of ktrdr"


def test_a_checkout_that_has_changed_since_the_build_says_nothing_of_the_image() -> None:
    finding = found("checkout-parity", lambda facts: setattr(facts, "inputs", "0" * 64))
    assert (finding.outcome, finding.evidence) == ("ERROR", {"because": "built-here"})
    assert found("checkout-parity", lambda facts: setattr(facts, "inputs", None)).outcome == "PASS"


def test_the_application_is_the_contract_s() -> None:
    assert CONTRACT.application.module.partition(".")[0] == APPLICATION
