"""The runner ends every probe in time, keeps what it reports apart from what it prints, and answers once."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.probing import FORK, begin, gone, own, probe, results, run, there, write

REPORT = "import os, json\ndef report(value):\n    os.write(int(os.environ['KTRDR_PROBE_FD']), value)\n"
PROBES: dict[str, Any] = {
    "good": own(REPORT + "report(b'{\"a\": 1}')"),
    "noisy": own(REPORT + "import sys\nprint('{\"nonce\": 1}')\nsys.stderr.write('words')\nreport(b'{\"a\": 1}')"),
    "argument": own(REPORT + "report(os.environ['KTRDR_PROBE_ARGUMENT'].encode())", {"x": ["ü", None]}),
    "silent": own(""),
    "dying": own("print('last words')\nraise SystemExit(3)"),
    "killed": own("import os\nos.kill(os.getpid(), 9)"),
    "raising": own("raise RuntimeError('no')"),
    "not JSON": own(REPORT + "report(b'{oops')"),
    "twice": own(REPORT + "report(b'{\"a\": 1}')\nreport(b'{\"a\": 2}')"),
    "too long": own(REPORT + "for _ in range(40):\n    report(b' ' * 60000)"),
    "flooding": own("for _ in range(400):\n    print('x' * 999)"),
    "hanging": own(FORK.format(name="hanging") + "import time\ntime.sleep(60)", seconds=0.8),
    "deaf": own("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)", seconds=0.8),
    "forking": own(REPORT + FORK.format(name="forking") + "report(b'{}')"),
    "environment": probe("environment"),
    "pytorch": probe("pytorch"),
    "gpu": probe("gpu"),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("probes")


@pytest.fixture(scope="module")
def printed(directory: Path) -> str:
    began = time.monotonic()
    done = run(directory, PROBES)
    assert time.monotonic() - began < 20
    return done.stdout


@pytest.fixture(scope="module")
def found(printed: str) -> dict[str, dict[str, Any]]:
    document: dict[str, dict[str, Any]] = json.loads(printed)["results"]
    return document


def test_there_is_one_document_with_the_nonce_that_was_given(printed: str) -> None:
    document = json.loads(printed)
    assert (document["schema"], document["nonce"]) == (1, "n1")
    assert printed.count("\n") == 1


def test_every_question_has_an_answer(found: dict[str, dict[str, Any]]) -> None:
    assert set(found) == set(PROBES)


def test_a_report_is_passed_on(found: dict[str, dict[str, Any]]) -> None:
    assert found["good"] | {"seconds": 0} == {
        "outcome": "ended", "exit_code": 0, "seconds": 0, "printed": "", "printed_bytes": 0, "report": {"a": 1},
    }  # fmt: skip


def test_what_a_probe_prints_does_not_disturb_its_report(found: dict[str, dict[str, Any]]) -> None:
    assert found["noisy"]["report"] == {"a": 1}
    assert "words" in found["noisy"]["printed"]
    assert '{"nonce": 1}' in found["noisy"]["printed"]


def test_a_probe_gets_its_argument(found: dict[str, dict[str, Any]]) -> None:
    assert found["argument"]["report"] == {"x": ["ü", None]}


@pytest.mark.parametrize("name", ["silent", "dying", "killed", "raising", "not JSON", "twice", "too long", "flooding"])
def test_a_probe_that_does_not_report_once_has_no_report(found: dict[str, dict[str, Any]], name: str) -> None:
    assert found[name]["outcome"] == "ended"
    assert "report" not in found[name]


def test_how_a_probe_ended_is_told(found: dict[str, dict[str, Any]]) -> None:
    codes = {name: found[name]["exit_code"] for name in ("silent", "dying", "killed", "raising")}
    assert codes == {"silent": 0, "dying": 3, "killed": -9, "raising": 1}


def test_a_probe_s_last_words_are_told(found: dict[str, dict[str, Any]]) -> None:
    assert found["dying"]["printed"] == "last words\n"
    assert "RuntimeError: no" in found["raising"]["printed"]


def test_a_report_that_is_none_is_told_as_such(found: dict[str, dict[str, Any]]) -> None:
    assert "no JSON document" in found["not JSON"]["error"]
    assert found["twice"]["error"] == "the report says a twice"
    assert found["too long"]["error"] == "the report is too long"


def test_a_flood_is_counted_and_only_its_beginning_kept(found: dict[str, dict[str, Any]]) -> None:
    assert found["flooding"]["printed_bytes"] == 400_000
    assert len(found["flooding"]["printed"]) == 16_000


@pytest.mark.parametrize("name", ["hanging", "deaf"])
def test_a_probe_that_hangs_is_ended_at_its_deadline(found: dict[str, dict[str, Any]], name: str) -> None:
    assert found[name]["outcome"] == "timed out"
    assert 0.8 <= found[name]["seconds"] < 8


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("name", ["hanging", "forking"])
def test_what_a_probe_started_ends_with_it(directory: Path, name: str) -> None:
    assert gone(directory / f"{name}.pid")


def test_a_runner_that_is_told_to_end_leaves_neither_probes_nor_what_they_started(tmp_path: Path) -> None:
    hanging = "import os, time\nopen('{0}.own.pid', 'w').write(str(os.getpid()))\ntime.sleep(60)"
    names = ("a", "b", "c")
    runner = begin(tmp_path, {name: own(FORK.format(name=name) + hanging.format(name)) for name in names})
    left = [tmp_path / f"{name}{kind}.pid" for name in names for kind in ("", ".own")]
    for path in left:
        there(path)
    runner.terminate()
    assert runner.communicate(timeout=20) == ("", "")
    assert runner.returncode == 128 + signal.SIGTERM
    assert [path for path in left if not gone(path)] == []


def test_the_environment_is_reported_as_it_is(found: dict[str, dict[str, Any]], directory: Path) -> None:
    report = found["environment"]["report"]
    assert (report["uid"], report["gid"]) == (os.getuid(), os.getgid())
    assert (report["home"], report["home_is_writable"]) == (str(directory), True)
    assert report["working_directory"] == str(directory)
    assert report["implementation"] == "CPython"
    assert report["python"].startswith("3.11.")
    assert Path(report["interpreter"]).resolve() == Path(report["interpreter"])
    names = {name.lower() for name, _version, _path in report["distributions"]}
    assert {"fastapi", "pytest"} <= names


def test_a_python_without_torch_says_so_with_the_error_s_own_words(found: dict[str, dict[str, Any]]) -> None:
    assert found["pytorch"]["report"] == {
        "imported": False, "error_type": "ModuleNotFoundError", "error_message": "No module named 'torch'",
        "missing": "torch",
    }  # fmt: skip


def test_a_python_without_torch_has_no_gpu_either(found: dict[str, dict[str, Any]]) -> None:
    report = found["gpu"]["report"]
    assert report == {"imported": False, "error": "ModuleNotFoundError: No module named 'torch'"}


def test_a_cuda_build_says_without_a_gpu_which_gpus_it_has_code_for(tmp_path: Path) -> None:
    code = "class cuda:\n    get_arch_list = staticmethod(lambda: ['sm_80', 'sm_90'])\n"
    write(tmp_path, {"torch/__init__.py": f"__version__ = '2.13.0+cu130'\n{code}"})
    report = results(run(tmp_path, {"pytorch": probe("pytorch")}))["pytorch"]["report"]
    assert report["gpu_architectures"] == {"ok": True, "names": ["sm_80", "sm_90"]}


def test_a_torch_that_is_only_half_there_is_reported_as_far_as_it_goes(tmp_path: Path) -> None:
    write(tmp_path, {"torch/__init__.py": "__version__ = '2.13.0+half'\n"})
    report = results(run(tmp_path, {"pytorch": probe("pytorch")}))["pytorch"]["report"]
    assert (report["imported"], report["version"], report["metadata_version"]) == (True, "2.13.0+half", None)
    assert (report["cuda_build"], report["file"]) == (None, str(tmp_path / "torch" / "__init__.py"))
    for name in ("tensor", "autograd", "save_and_load", "cuda_available", "gpu_architectures"):
        assert not report[name]["ok"]
        assert "AttributeError" in report[name]["error"]
        assert "Traceback" in report[name]["traceback"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [("raise OSError('libcudart.so.13: cannot open')", "OSError"), ("import numbers_absent", "ModuleNotFoundError"),
     ("raise SystemExit(0)", "SystemExit")],
)  # fmt: skip
def test_a_torch_that_breaks_on_import_is_told_apart_from_an_absent_one(tmp_path: Path, line: str, kind: str) -> None:
    write(tmp_path, {"torch/__init__.py": f"{line}\n"})
    report = results(run(tmp_path, {"pytorch": probe("pytorch")}))["pytorch"]["report"]
    assert (report["imported"], report["error_type"]) == (False, kind)
    assert report["missing"] != "torch"


def test_a_probe_runs_in_utf_8_whatever_the_image_says(tmp_path: Path) -> None:
    write(tmp_path, {"said.py": "WORD = 'é'\n"})
    text = f"import locale\n{REPORT}import said\nprint(said.WORD)\n"
    text += "report(json.dumps({'word': said.WORD, 'file': open('said.py').read()}).encode())"
    for variables in ({"PYTHONUTF8": "0", "LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "utf-16"}):
        found = results(run(tmp_path, {"é": own(text)}, **variables))["é"]
        assert found["report"] == {"word": "é", "file": "WORD = 'é'\n"}


NOW = """
def now(what, again):
    report(json.dumps({"now": {"what": what, "seconds": 1, "again": again}}).encode())
import time
done = json.loads(os.environ["KTRDR_PROBE_ARGUMENT"]).get("done", [])
report(b'{"list": [1]}')
"""
GOING_ON = """
for at in "abcd":
    if at not in done:
        now(at, True)
        os.abort() if at == "b" else time.sleep(60) if at == "c" else report(json.dumps({at: 1}).encode())
report(b'{"now": null}')
"""


def told(directory: Path, text: str, seconds: float = 20.0) -> dict[str, Any]:
    return results(run(directory, {"one": own(REPORT + NOW + text, {}, seconds)}))["one"]


def test_a_probe_that_is_killed_by_an_operation_goes_on_behind_it(tmp_path: Path) -> None:
    found = told(tmp_path, GOING_ON)
    assert (found["outcome"], found["exit_code"]) == ("ended", 0)
    assert found["report"].pop("lost") == {
        "b": {"how": "it ended its process with -6; a came before it", "late": False, "unseen": False},
        "c": {"how": "no end within 1 s", "late": True, "unseen": False},
    }
    assert found["report"] == {"list": [1], "a": 1, "d": 1}


def test_a_probe_that_is_killed_by_a_phase_reports_what_was_told_before(tmp_path: Path) -> None:
    found = told(tmp_path, "now('phase', False)\nreport(b'{\"known\": 1}')\ntime.sleep(60)")
    assert found["outcome"] == "ended"
    assert found["report"]["known"] == 1
    assert found["report"]["lost"]["phase"]["late"] is True


def test_a_probe_that_is_out_of_time_is_not_started_again(tmp_path: Path) -> None:
    found = told(tmp_path, "now(f'{len(done)}', True)\ntime.sleep(60)", 1.5)
    assert list(found["report"]["lost"]) == ["0", "1"]
    assert found["seconds"] < 8
