"""This checkout's images: built, verified, and what their records and verdicts hold."""

from datetime import datetime
from pathlib import Path

import pytest

from deploy.artifacts import OBSERVED, VERDICT
from tests.integration.conftest import Images
from tests.support.checkout import read_contract
from verify.judge.checks import CHECKS
from verify.judge.verdict import Verdict
from verify.observe.model import Observation, ProbeRun, ServerRun

ROLES = read_contract().roles
GB = 10**9
MB = 10**6
ADDED_AT_MOST = {"backend": 65 * MB, "dev": 1000 * MB, "worker-cpu": 850 * MB, "worker-gpu": 4900 * MB}  # the goals
PRODUCTION_TOTAL = 1500 * MB  # the specification's outer bound
A_GPU_WOULD_TELL = {"cuda-runtime"}


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest, images: Images) -> str:
    name = str(request.param)
    images.need(name)
    return name


def test_the_images_are_built(images: Images) -> None:
    assert images.built.code == 0, images.built
    assert list(images.records) == images.roles


def test_the_images_pass(images: Images) -> None:
    assert images.verified.code == 0, images.verified
    assert {role: verdict.outcome for role, verdict in images.verdicts.items()} == dict.fromkeys(images.roles, "PASS")


def test_every_check_was_applied(images: Images, role: str) -> None:
    assert [one.check for one in images.verdicts[role].findings] == list(CHECKS)


def test_what_was_not_executed_says_why(images: Images, role: str) -> None:
    for one in images.verdicts[role].findings:
        assert one.outcome in ("PASS", "SKIP", "UNVERIFIED"), one
        assert one.found, one
    unverified = {one.check for one in images.verdicts[role].findings if one.outcome == "UNVERIFIED"}
    assert unverified <= (A_GPU_WOULD_TELL if role == "worker-gpu" else set())


def test_the_gpu_image_has_a_cuda_build_and_its_runtime_is_not_called_green(images: Images) -> None:
    images.need("worker-gpu")
    assert images.finding("worker-gpu", "torch-build").outcome == "PASS"
    assert "sm_90" in (images.verdicts["worker-gpu"].figures.gpu_architectures or [])
    runtime = images.finding("worker-gpu", "cuda-runtime")
    assert (runtime.outcome, runtime.category) == ("UNVERIFIED", "ENVIRONMENT"), runtime
    assert "UNVERIFIED" in images.verified.printed


def test_the_checks_really_ran_in_containers_of_the_image(images: Images, role: str) -> None:
    verdict = images.verdicts[role]
    seen = images.artifacts.read(role, OBSERVED, Observation)
    assert isinstance(seen.probes, ProbeRun)
    assert isinstance(seen.server, ServerRun)
    proofs = [seen.probes.proof, seen.server.proof]
    assert [one.container_id for one in proofs if one] == verdict.container_ids
    for proof in proofs:
        assert proof is not None
        assert proof.image_id == verdict.image_id == images.id_of(role)
    evidence = images.finding(role, "proof").evidence
    assert datetime.fromisoformat(evidence["started"]) < datetime.fromisoformat(evidence["finished"])
    assert (evidence["nonce"], evidence["container_id"]) == (seen.probes.nonce, verdict.container_ids[0])


def test_no_two_images_share_a_container_or_a_nonce(images: Images) -> None:
    containers = [one for verdict in images.verdicts.values() for one in verdict.container_ids]
    nonces = [images.finding(role, "proof").evidence["nonce"] for role in images.roles]
    assert len(set(containers)) == 2 * len(images.roles)
    assert len(set(nonces)) == len(images.roles)


def test_the_image_is_the_one_that_was_built(images: Images, role: str) -> None:
    record, verdict = images.records[role], images.verdicts[role]
    assert (record.image_id, record.identity) == (verdict.image_id, verdict.identity)


def test_the_image_keeps_to_its_budget(images: Images, role: str) -> None:
    image, contents, figures = images.contract.images[role], images.contents(role), images.verdicts[role].figures
    added = contents.added_bytes(len(images.records[role].base.layers))
    assert added <= min(image.added_at_most, ADDED_AT_MOST[role])
    assert contents.unpacked_bytes <= image.total_at_most
    assert image.added_at_most < 1.05 * added, "a budget that has grown loose watches nothing"
    assert (figures.unpacked_bytes, figures.added_bytes) == (contents.unpacked_bytes, added)


def test_the_production_image_stays_below_the_specifications_total(images: Images) -> None:
    assert images.contract.images["backend"].total_at_most <= PRODUCTION_TOTAL
    assert images.contents("backend").unpacked_bytes < 1 * GB


def test_the_images_share_base_and_core_and_the_cpu_images_share_torch(images: Images) -> None:
    base = len(images.records["backend"].base.layers)
    layers = {role: record.layers for role, record in images.records.items()}
    user_and_core = base + 2
    assert len({tuple(one[:user_and_core]) for one in layers.values()}) == 1
    assert layers["dev"][user_and_core] == layers["worker-cpu"][user_and_core]
    assert layers["worker-cpu"][user_and_core] not in layers.get("worker-gpu", [])
    assert len({one[-1] for role, one in layers.items() if role != "dev"}) == 1, "the application's layer"


def test_verifying_again_gives_the_same_identity_from_new_containers(images: Images, tmp_path: Path) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    ended = images.verify("backend", artifacts=artifacts)
    assert ended.code == 0, ended
    first, again = images.verdicts["backend"], artifacts.read("backend", VERDICT, Verdict)
    assert (again.identity, again.outcome) == (first.identity, "PASS")
    assert not set(again.container_ids) & set(first.container_ids)


def test_nothing_with_a_label_of_these_runs_is_left(images: Images) -> None:
    assert images.left_by(images.built.pid) == []
    assert images.left_by(images.verified.pid) == []
