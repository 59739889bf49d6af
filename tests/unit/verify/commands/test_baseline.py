"""A baseline is kept from good runs only, and says what it was made from."""

import importlib.metadata
import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from deploy.artifacts import BUILD, CONTENTS, VERDICT, Artifacts
from deploy.errors import Exit, Problem
from tests.support.cases import ROLES, Change, Facts, good
from tests.support.checkout import PROJECT, project_with
from verify.commands.baseline import keep, read_baseline
from verify.contents import distributions
from verify.judge.difference import Baseline

GROWN = 20_000_000


def grow(facts: Facts) -> None:
    facts.part("contents")["layers"][1].update(
        unpacked_bytes=GROWN + 20_000_000, by_distribution={"": GROWN + 20_000_000}
    )


def fail(facts: Facts) -> None:
    facts.part("subject").update(user="0")


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """A verification of all images."""
    artifacts = Artifacts(tmp_path / "artifacts")
    for role in ROLES:
        written(artifacts, role)
    return artifacts


def written(artifacts: Artifacts, role: str, change: Change | None = None) -> None:
    facts = good(role, change)
    case = facts.case()
    assert case.maybe_contents
    assert case.maybe_record
    artifacts.write(role, CONTENTS, case.maybe_contents)
    artifacts.write(role, BUILD, case.maybe_record)
    artifacts.write(role, VERDICT, facts.verdict())


def kept(artifacts: Artifacts, *roles: str) -> tuple[Baseline, str]:
    """What the file holds afterwards, and what was printed."""
    project, file = replace(project_with(artifacts), file=artifacts.root / "images.toml"), io.StringIO()
    path = project.baseline
    assert keep(project, list(roles), Console(file=file)) == Exit.OK
    return read_baseline(path), file.getvalue()


def test_a_good_run_is_kept_with_its_name_bytes_versions_and_modules(artifacts: Artifacts) -> None:
    baseline, told = kept(artifacts)
    assert list(baseline.images) == ROLES
    one = baseline.images["dev"]
    assert one.run == "0123456789ab with changes, 2026-11-21"
    assert (one.base_bytes, [layer.unpacked_bytes for layer in one.layers]) == (
        90_000_000,
        [20_000_000, 700_000_000, 600_000],
    )
    assert (one.versions["torch"], one.new_modules) == ("2.13.0+cpu", 320)
    assert "commit it" in told


def test_a_role_alone_is_kept_beside_what_is_known_of_the_others(artifacts: Artifacts) -> None:
    before, _ = kept(artifacts)
    written(artifacts, "dev", grow)
    after, told = kept(artifacts, "dev")
    assert {role: after.images[role] for role in ROLES if role != "dev"} == {
        role: before.images[role] for role in ROLES if role != "dev"
    }
    assert "+20.0 MB: (no distribution) +20.0 MB" in told


def test_an_image_that_fails_is_no_baseline_and_nothing_is_written(artifacts: Artifacts) -> None:
    written(artifacts, "dev", fail)
    with pytest.raises(Problem, match="dev does not PASS: configuration, user") as problem:
        kept(artifacts)
    assert problem.value.code == Exit.FAILED
    assert not (artifacts.root / "baseline.json").exists()


def test_growth_alone_is_what_a_new_baseline_is_for(artifacts: Artifacts) -> None:
    written(artifacts, "worker-cpu", grow)
    assert artifacts.read("worker-cpu", VERDICT, type(good("dev").verdict())).outcome == "FAIL"
    assert kept(artifacts)[0].images["worker-cpu"].layers[0].unpacked_bytes == 40_000_000


def test_a_verdict_that_lacks_a_check_is_no_baseline(artifacts: Artifacts) -> None:
    whole = good("dev").verdict()
    artifacts.write("dev", VERDICT, whole.model_copy(update={"findings": whole.findings[1:]}))
    with pytest.raises(Problem, match="it lacks what this version demands of every image: image-present"):
        kept(artifacts)


def test_what_was_not_verified_is_told_with_what_to_run(artifacts: Artifacts) -> None:
    artifacts.path("dev", VERDICT).unlink()
    with pytest.raises(Problem, match=r"verdict\.json(.|\n)*build verify -- dev"):
        kept(artifacts)


def test_a_verdict_on_another_image_than_the_record_s_is_none(artifacts: Artifacts) -> None:
    record = good("dev").case().record.model_copy(update={"identity": "sha256:other"})
    artifacts.write("dev", BUILD, record)
    with pytest.raises(Problem, match="of different images"):
        kept(artifacts)


def test_an_unreadable_baseline_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text('{"schema": 7}', encoding="utf-8")
    with pytest.raises(Problem, match=r"schema 7(.|\n)*git checkout"):
        read_baseline(path)


def test_without_a_baseline_no_image_is_known(tmp_path: Path) -> None:
    assert read_baseline(tmp_path / "baseline.json").images == {}


def test_the_committed_baseline_knows_every_image_of_the_contract() -> None:
    assert list(read_baseline(PROJECT.baseline).images) == ROLES


def test_the_committed_baseline_is_small() -> None:
    assert PROJECT.baseline.stat().st_size < 40_000


def test_the_records_of_locked_wheels_are_kept_and_no_others(artifacts: Artifacts, tmp_path: Path) -> None:
    project = replace(project_with(artifacts), file=tmp_path / "images.toml")
    assert keep(project, ["worker-cpu"], Console(file=io.StringIO())) == Exit.OK
    assert read_baseline(project.baseline).images["worker-cpu"].records == {
        name: f"{name}'s" for name in ("fastapi", "uvicorn", "safetensors")
    }


def test_the_committed_records_are_those_of_the_wheels_that_the_lock_put_here() -> None:
    """Two installations, an image's and this one, of wheels with the lock's digests: their RECORDs say the same."""
    (site,) = {Path(str(one.locate_file(""))) for one in importlib.metadata.distributions(name="pydantic")}
    texts = {
        str(path): path.read_text(encoding="utf-8", errors="replace")
        for name in ("METADATA", "RECORD")
        for path in site.glob(f"*.dist-info/{name}")
    }
    here = {(one.name, one.version): distributions.fingerprint(one, texts) for one in distributions.installed(texts)}
    images = read_baseline(PROJECT.baseline).images
    kept = {(name, one.versions[name], digest) for one in images.values() for name, digest in one.records.items()}
    both = {(name, version, digest) for name, version, digest in kept if (name, version) in here}
    assert len(both) > 20, "too few to say anything: is this the environment of the lock?"
    assert both == {(*one[:2], here[one[:2]]) for one in both}
