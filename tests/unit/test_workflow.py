"""The CI workflow is held against the contract and against what keeps a workflow safe."""

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.copies import CACHES
from deploy.artifacts import E2E_ROLES
from tests.support.checkout import ROOT, read_contract

WORKFLOW = ROOT / ".github" / "workflows" / "images.yml"
TEXT = WORKFLOW.read_text(encoding="utf-8")
DOCUMENT = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = DOCUMENT["jobs"]
ALWAYS = "always()"


def steps(job: str, action: str = "") -> list[dict[str, Any]]:
    """The steps of a job, those that use one action where it is named."""
    return [step for step in JOBS[job]["steps"] if not action or step.get("uses", "").startswith(f"{action}@")]


def runs() -> Iterator[str]:
    return (step["run"] for job in JOBS for step in steps(job) if "run" in step)


def test_no_role_is_written_down_the_matrix_reads_the_contract() -> None:
    assert JOBS["image"]["strategy"]["matrix"] == "${{ fromJSON(needs.matrix.outputs.matrix) }}"
    handed_on = {name: f"${{{{ steps.contract.outputs.{name} }}}}" for name in ("matrix", "together")}
    assert JOBS["matrix"]["outputs"] == handed_on
    for image in read_contract().images.values():
        assert not re.search(rf"\b({re.escape(image.role)}|{re.escape(image.name)})\b", TEXT)


def test_the_matrix_command_prints_the_contracts_roles_and_nothing_else() -> None:
    command = [sys.executable, "-m", "deploy", "matrix"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert json.loads(printed) == {"role": read_contract().roles}
    assert printed.count("\n") == 1


def test_the_roles_that_work_together_are_those_of_the_end_to_end_run() -> None:
    command = [sys.executable, "-m", "deploy", "matrix", "--together"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert printed == " ".join(E2E_ROLES) + "\n"
    assert set(E2E_ROLES) <= set(read_contract().roles)


def test_the_workflow_may_only_read_the_code() -> None:
    assert DOCUMENT["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in JOBS.values())
    assert "secrets." not in TEXT
    assert "pull_request_target" not in TEXT


def test_every_action_is_pinned_by_digest_with_its_version_beside_it() -> None:
    lines = [line.strip().removeprefix("- ") for line in TEXT.splitlines() if re.match(r"\s*(- )?uses:", line)]
    assert lines
    pins: dict[str, set[str]] = {}
    for line in lines:
        match = re.fullmatch(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)", line)
        assert match, f"{line}: not pinned by a full commit digest with its version as a comment"
        pins.setdefault(match[1], set()).add(match[2])
    assert all(len(digests) == 1 for digests in pins.values())


def test_checkouts_keep_no_credentials() -> None:
    checkouts = [step for job in JOBS for step in steps(job, "actions/checkout")]
    assert len(checkouts) == len(JOBS) - 1  # every job but the gate looks at the code
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_job_that_lints_has_the_commits_whose_subjects_it_reads() -> None:
    (checkout,) = steps("code", "actions/checkout")
    assert checkout["with"]["fetch-depth"] == 0


def test_no_expression_is_pasted_into_a_script() -> None:
    assert not any("${{" in script for script in runs())


def test_every_job_has_a_deadline_and_runs_of_one_branch_do_not_pile_up() -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for job in JOBS.values())
    assert "github.ref" in DOCUMENT["concurrency"]["group"]


def test_an_image_that_fails_stops_no_other_and_its_artifacts_are_kept() -> None:
    assert JOBS["image"]["strategy"]["fail-fast"] is False
    (upload,) = steps("image", "actions/upload-artifact")
    assert upload["if"] == ALWAYS
    assert upload["with"]["path"] == "artifacts/"
    assert upload["with"]["if-no-files-found"] == "error"


def test_each_image_is_built_and_verified_by_the_session_that_people_type() -> None:
    assert [step["run"] for step in steps("image") if "run" in step] == ['./noxw -s build verify -- "$ROLE"']
    assert JOBS["image"]["env"] == {"ROLE": "${{ matrix.role }}"}


def test_lint_types_and_unit_tests_are_the_sessions_that_people_type_and_wait_for_no_image() -> None:
    assert [step["run"] for step in steps("code") if "run" in step] == ["./noxw -s lint types unit"]
    assert "needs" not in JOBS["code"]


@pytest.mark.parametrize(
    ("roles", "words"),
    [(" ".join(E2E_ROLES), ["-s", "build", "verify", "e2e", "--", *E2E_ROLES]), ("", None)],
    ids=["the roles", "none"],
)
def test_the_images_that_work_together_are_built_verified_and_run(
    tmp_path: Path, roles: str, words: list[str] | None
) -> None:
    (tmp_path / "noxw").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    (tmp_path / "noxw").chmod(0o755)
    (step,) = [step for step in steps("together") if "run" in step]
    assert JOBS["together"]["env"] == {"ROLES": "${{ needs.matrix.outputs.together }}"}
    ended = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path, env={"ROLES": roles}, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert ended.stdout.splitlines() == (words or [])
    assert (ended.returncode == 0) is bool(words)


def test_what_the_images_did_together_is_kept_and_not_merged_with_verdicts_on_others() -> None:
    (upload,), (download,) = steps("together", "actions/upload-artifact"), steps("summary", "actions/download-artifact")
    assert (upload["if"], upload["with"]["path"], upload["with"]["if-no-files-found"]) == (
        ALWAYS,
        "artifacts/",
        "error",
    )
    assert not fnmatch.fnmatchcase(upload["with"]["name"], download["with"]["pattern"])


def test_the_summary_is_made_always_from_what_the_image_jobs_uploaded() -> None:
    summary = JOBS["summary"]
    assert summary["if"] == ALWAYS
    assert "image" in summary["needs"]
    (upload,), (download,) = steps("image", "actions/upload-artifact"), steps("summary", "actions/download-artifact")
    for role in read_contract().roles:
        name = upload["with"]["name"].replace("${{ matrix.role }}", role)
        assert fnmatch.fnmatchcase(name, download["with"]["pattern"])
    (own,) = steps("summary", "actions/upload-artifact")
    assert not fnmatch.fnmatchcase(own["with"]["name"], download["with"]["pattern"])
    (run,) = [step["run"] for step in steps("summary") if "run" in step]
    assert run == f"./noxw -s summarize -- {download['with']['path']}"


def test_layers_are_kept_where_the_build_reads_and_writes_them() -> None:
    (cache,) = steps("image", "actions/cache")
    (build,) = [step for step in steps("image") if "run" in step]
    directory = cache["with"]["path"]
    assert directory not in CACHES  # where contents are kept is no buildx cache
    assert build["env"]["KTRDR_CACHE_FROM"] == f"type=local,src={directory}"
    assert f"type=local,dest={directory},mode=max" in build["env"]["KTRDR_CACHE_TO"]
    assert "${{ matrix.role }}" in cache["with"]["key"]
    assert "'uv.lock'" in cache["with"]["key"]


def test_the_gate_needs_every_job_and_is_always_decided() -> None:
    assert set(JOBS["gate"]["needs"]) == set(JOBS) - {"gate"}
    assert JOBS["gate"]["if"] == ALWAYS


@pytest.mark.parametrize(
    ("results", "opens"),
    [
        ("success success success", True),
        ("success failure success", False),
        ("success success cancelled", False),
        ("failure skipped failure", False),
        ("success skipped success", False),
        ("", False),
    ],
)
def test_the_gate_opens_only_when_every_job_has_succeeded(results: str, *, opens: bool) -> None:
    (step,) = steps("gate")
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
    ended = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]], env={"RESULTS": results}, check=False, timeout=30
    )
    assert (ended.returncode == 0) is opens
