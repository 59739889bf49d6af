"""The CI workflow's own steps, job by job, each in a checkout of its own: merged, they say what one run says.

Real engine, real images: those of CHEAP, or all of the contract's where KTRDR_ALL_ROLES is set, and then those at work
together too. The job `code` is not run here: it is what stands beside these tests. What GitHub's actions
do (checkout, upload, download) is done here with files; its expressions are put in from a table.
"""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker import DockerClient

from deploy.artifacts import E2E_ROLES
from tests.support.checkout import CONTRACT_FILE, ROOT, read_contract
from verify.report.model import Summary

JOBS: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "images.yml").read_text(encoding="utf-8")
)["jobs"]
CHEAP = ["backend", "dev"]
DEADLINE = 2400.0
PREFIX = f"ktrdr-try-{uuid.uuid4().hex[:8]}-"

# What two runs over the same images may differ in: clocks, memory, the names of what existed only during the run, and
# the engine's own image id, which a build that was not cached makes anew for the same identity.
# Everything else is compared: identities, sizes, versions, outcomes, expectations and every other piece of evidence.
FIGURES_OF_A_RUN = {"seconds_to_healthy", "import_seconds", "import_peak_bytes", "probe_seconds"}
ROW_OF_A_RUN = {"container_ids", "started", "seconds", "image_id"}
EVIDENCE_OF_A_RUN = {
    "nonce", "container_id", "started", "finished", "seconds", "log",  # a line a health request
    "hung",  # what HEALTHCHECK printed before its time was over
    "image_id", "built_image_id", "subject_image_id",
}  # fmt: skip
TIMES = re.compile(r"""\d+(\.\d+)?(?= s\b|% of the time)|\d+ process(es)?\b|(?<="uptime_s":)\d+(\.\d+)?""")


@dataclass
class Runner:
    """Runs jobs, and keeps what they upload."""

    directory: Path
    repository: Path | None = None
    uploads: Path = field(init=False)

    def __post_init__(self) -> None:
        self.uploads = self.directory / "uploads"
        self.uploads.mkdir()

    def job(self, name: str, values: dict[str, str] | None = None) -> "Done":
        """Run a job's steps in a new checkout, where it has one; ``values`` are those of its expressions."""
        values = values or {}
        machine = self.directory / "-".join([name, *values.values()]).replace(" ", "-")
        done = Done(machine)
        for step in JOBS[name]["steps"]:
            if not done.ok and step.get("if") != "always()":
                continue
            inputs = {key: self.fill(value, values) for key, value in step.get("with", {}).items()}
            action = step.get("uses", "").partition("@")[0]
            if action == "actions/checkout":
                git("clone", "--quiet", str(self.repository), str(machine))
            elif action == "actions/upload-artifact":
                shutil.copytree(machine / inputs["path"], self.uploads / inputs["name"])
            elif action == "actions/download-artifact":
                for artifact in self.uploads.iterdir():
                    if fnmatch.fnmatchcase(artifact.name, inputs["pattern"]):
                        shutil.copytree(artifact, machine / inputs["path"] / artifact.name)
            elif "run" in step:
                machine.mkdir(exist_ok=True)
                given = {**JOBS[name].get("env", {}), **step.get("env", {})}
                done.run(step["run"], {key: self.fill(value, values) for key, value in given.items()})
        return done

    @staticmethod
    def fill(text: Any, values: dict[str, str]) -> str:
        """Put in the expressions' values; what only GitHub's own actions know is empty."""
        return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda match: values.get(match[1], ""), str(text))


@dataclass
class Done:
    """What a job has come to."""

    machine: Path
    ok: bool = True
    printed: str = ""

    @property
    def result(self) -> str:
        return "success" if self.ok else "failure"

    @property
    def page(self) -> str:
        return self._read("page.md")

    @property
    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self._read("outputs").splitlines())

    @property
    def summary(self) -> Summary:
        return Summary.model_validate_json((self.machine / "artifacts" / "summary.json").read_text(encoding="utf-8"))

    def run(self, script: str, environment: dict[str, str]) -> None:
        """Run a script as GitHub runs one."""
        files = {"GITHUB_OUTPUT": self._file("outputs"), "GITHUB_STEP_SUMMARY": self._file("page.md")}
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("KTRDR_", "VIRTUAL_ENV"))}
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.machine,
            env={**ours, **{name: str(path) for name, path in files.items()}, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        self.ok = ended.returncode == 0
        self.printed += ended.stdout

    def _file(self, name: str) -> Path:
        return self.machine.parent / f"{self.machine.name}.{name}"

    def _read(self, name: str) -> str:
        path = self._file(name)
        return path.read_text(encoding="utf-8") if path.exists() else ""


def git(*words: str, cwd: Path = ROOT) -> str:
    names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")]
    values = ["test", "test@localhost", "2026-01-01T00:00:00Z"] * 2  # the same files are the same commit
    return subprocess.run(
        ["git", *words],
        cwd=cwd,
        env={**os.environ, **dict(zip(names, values, strict=True))},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout


def snapshot(directory: Path) -> Path:
    """Commit this working tree's files to a repository of their own, to be cloned from; its images have other names."""
    git("init", "--quiet", "--initial-branch=main", str(directory))
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name, follow_symlinks=False)
    contract = directory / CONTRACT_FILE.relative_to(ROOT)
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text.replace('name = "ktrdr-', f'name = "{PREFIX}'), encoding="utf-8")
    git("add", "--all", cwd=directory)
    git("commit", "--quiet", "--message=snapshot", cwd=directory)
    return directory


def lasting(summary: Summary) -> dict[str, Any]:
    """Return everything in a summary that does not belong to the one run."""
    document = summary.model_dump(mode="json", by_alias=True)
    document["probe_seconds"] = None
    for row in document["rows"]:
        image_id = row["image_id"] or "none"
        row.update(dict.fromkeys(ROW_OF_A_RUN))
        row["figures"].update(dict.fromkeys(FIGURES_OF_A_RUN))
        for finding in row["findings"]:
            evidence = finding["evidence"]
            evidence.update(dict.fromkeys(EVIDENCE_OF_A_RUN & set(evidence)))
            finding["found"] = TIMES.sub("N", finding["found"].replace(image_id, "the image"))
            finding["evidence"] = json.loads(json.dumps(evidence), object_hook=_without_times)
    return document


def _without_times(table: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in table.items() if key not in EVIDENCE_OF_A_RUN}
    return {key: TIMES.sub("N", value) if isinstance(value, str) else value for key, value in kept.items()}


@pytest.fixture(scope="module")
def roles() -> list[str]:
    everything = read_contract().roles
    return everything if os.environ.get("KTRDR_ALL_ROLES") else [role for role in everything if role in CHEAP]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, client: DockerClient) -> Iterator[Path]:
    yield snapshot(tmp_path_factory.mktemp("repository"))
    for tag in (tag for image in client.images.list() for tag in image.tags if tag.startswith(PREFIX)):
        client.images.remove(tag)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, repository: Path, roles: list[str]) -> dict[str, Done]:
    """The workflow's jobs but `code` and the gate, in the order of their needs."""
    runner = Runner(tmp_path_factory.mktemp("ci"), repository)
    matrix = runner.job("matrix")
    done = {"matrix": matrix}
    for role in json.loads(matrix.outputs["matrix"])["role"]:
        if role in roles:
            done[role] = runner.job("image", {"matrix.role": role})
    if os.environ.get("KTRDR_ALL_ROLES"):
        done["together"] = runner.job("together", {"needs.matrix.outputs.together": matrix.outputs["together"]})
    done["summary"] = runner.job("summary")
    return done


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, repository: Path, roles: list[str]) -> Done:
    """One run over the same images, in one checkout."""
    done = Done(tmp_path_factory.mktemp("alone") / "checkout")
    git("clone", "--quiet", str(repository), str(done.machine))
    done.run(f"./noxw -s build verify -- {' '.join(roles)}", {})
    done.run("./noxw -s summarize", {})
    return done


def test_the_matrix_job_hands_on_the_contracts_roles(jobs: dict[str, Done]) -> None:
    assert json.loads(jobs["matrix"].outputs["matrix"]) == {"role": read_contract().roles}
    assert jobs["matrix"].outputs["together"].split() == list(E2E_ROLES)


@pytest.mark.skipif(
    not os.environ.get("KTRDR_ALL_ROLES"), reason="KTRDR_ALL_ROLES is not set: minutes, and large images"
)
def test_the_images_at_work_together_pass_in_a_job_of_their_own(jobs: dict[str, Done]) -> None:
    job = jobs["together"]
    assert job.ok, job.printed[-4000:]
    assert job.summary.e2e
    assert job.summary.e2e.outcome == "PASS"


def test_each_image_job_builds_and_verifies_its_image_and_shows_it_on_its_page(
    jobs: dict[str, Done], roles: list[str]
) -> None:
    for role in roles:
        job = jobs[role]
        assert job.ok, job.printed[-4000:]
        assert [(row.role, row.outcome) for row in job.summary.rows] == [(role, "PASS")]
        assert job.page.startswith("# Images: PASS")


def test_the_merged_summary_is_that_of_one_run_over_the_same_images(jobs: dict[str, Done], alone: Done) -> None:
    merged = jobs["summary"]
    assert lasting(merged.summary) == lasting(alone.summary), merged.printed[-4000:]
    assert merged.ok == alone.ok


def test_the_summary_job_shows_every_role_of_the_contract_seen_or_not(jobs: dict[str, Done], roles: list[str]) -> None:
    merged = jobs["summary"]
    seen = {role: jobs[role].summary.outcome for role in roles}
    assert {row.role: row.outcome for row in merged.summary.rows} == {
        role: seen.get(role, "ERROR") for role in read_contract().roles
    }
    assert merged.ok == (merged.summary.outcome == "PASS")
    assert merged.page == (merged.machine / "artifacts" / "summary.md").read_text(encoding="utf-8") + "\n"


def test_the_gate_is_open_only_when_every_job_has_succeeded(jobs: dict[str, Done], tmp_path: Path) -> None:
    as_it_was = [job.result for job in jobs.values()]
    runner = Runner(tmp_path)
    for results in (as_it_was, ["success"] * len(jobs), ["success", "cancelled"]):
        gate = runner.job("gate", {"join(needs.*.result, ' ')": " ".join(results)})
        assert gate.ok == (set(results) == {"success"}), gate.printed
