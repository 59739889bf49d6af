"""What the layers hold, held against the running image, the lock and the contract."""

from typing import Any

import pytest

from deploy.contract import Allowed
from deploy.left_out import LeftOut
from tests.support.cases import CONTRACT, CUDA_HOME, SITE, Change, Facts, good, library, many
from tests.support.changes import contents, distribution, layer, report, stray, subject
from verify.judge.rulings.contents import listed, same_version
from verify.judge.verdict import Finding


def found(check: str, change: Change | None = None, role: str = "dev") -> Finding:
    return good(role, change).findings()[check]


def test_what_a_lying_python_hides_and_adds_is_told_by_name_and_version() -> None:
    def change(facts: Facts) -> None:
        distribution("hidden", "1.0", seen=False)(facts)
        facts.report("environment")["distributions"].append(["Made_Up", "2.0", "/x"])

    assert found("distributions-agree", change).found == (
        "only in the layers: hidden 1.0; only seen by Python: made-up 2.0"
    )


def test_names_are_the_same_however_metadata_spells_them() -> None:
    def change(facts: Facts) -> None:
        facts.report("environment")["distributions"][0][0] = "FastAPI"

    assert found("distributions-agree", change).outcome == "PASS"


def test_distributions_of_the_base_image_are_nobody_s_business() -> None:
    def change(facts: Facts) -> None:
        path = "/usr/lib/python3/dist-packages/pip-23.dist-info"
        facts.part("contents")["distributions"].append({"name": "pip", "version": "23", "path": path, "layer": 0})

    assert found("lock-parity", change).outcome == "PASS"


@pytest.mark.parametrize(("entry", "outcome"), [(["fastapi", "0.165.0"], "PASS"), (["fastapi"], "FAIL"), ([], "FAIL")])
def test_what_python_lists_without_a_version_is_not_seen_and_a_path_is_not_asked_for(
    entry: list[str], outcome: str
) -> None:
    def change(facts: Facts) -> None:
        facts.report("environment")["distributions"][0] = entry

    finding = found("distributions-agree", change)
    assert finding.outcome == outcome
    assert ("only in the layers: fastapi 0.165.0" in finding.found) is (outcome == "FAIL")


def test_every_difference_from_the_lock_is_told() -> None:
    def change(facts: Facts) -> None:
        distribution("fastapi", "0.1", instead=True)(facts)
        distribution("extra", "1.0")(facts)
        distribution("uvicorn", "0.54.0")(facts)
        facts.locked["absent"] = "1.0"

    assert found("lock-parity", change).found == (
        "another version: fastapi 0.1 (lock: 0.165.0); missing: absent; extra: extra; more than once: uvicorn"
    )


def test_torch_with_its_build_s_label_is_the_locked_version() -> None:
    assert found("lock-parity", role="worker-cpu").found == "5 distributions as locked"


TESTS = LeftOut(distribution="torch", path="torch/test/*", reason="programs that test torch itself")


def lacking(*paths: str, info: str = f"{SITE}/torch-2.13.0+cpu.dist-info") -> Change:
    return contents(absent={info: [f"{SITE}/{path}" for path in paths]})


def other_record(facts: Facts, name: str, **values: Any) -> None:
    (one,) = [one for one in facts.part("contents")["distributions"] if one["name"] == name]
    one.update(record="another", **values)


def test_a_record_that_is_not_the_baseline_s_at_the_same_version_is_told() -> None:
    finding = found("lock-parity", lambda facts: other_record(facts, "fastapi"))
    assert (finding.outcome, finding.found) == (
        "FAIL", "the same version as in the baseline, but another RECORD: fastapi 0.165.0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ktrdr", lambda _: None),
        ("torch", lambda _: None),
        ("fastapi", lambda facts: facts.part("baseline")["versions"].update(fastapi="0.164.0")),
        ("fastapi", lambda facts: facts.part("baseline")["records"].clear()),
        ("fastapi", lambda facts: setattr(facts, "baseline", None)),
    ],
    ids=["the application", "torch of another source", "another version", "no records yet", "no baseline"],
)
def test_a_record_that_no_locked_wheel_decides_is_not_compared(name: str, change: Change) -> None:
    def spoilt(facts: Facts) -> None:
        other_record(facts, name)
        change(facts)

    assert found("lock-parity", spoilt, "worker-cpu").outcome == "PASS"


def test_a_file_that_record_lists_and_the_image_lacks_is_told() -> None:
    finding = found("lock-parity", lacking("torch/nn/init.py"))
    assert (finding.outcome, finding.category) == ("FAIL", "CONFIGURATION")
    assert finding.found == f"in RECORD, but not in the image: {SITE}/torch/nn/init.py"


def test_files_that_are_left_out_on_purpose_are_counted_and_named_with_the_reason() -> None:
    change = many(lacking("torch/test/atest", "torch/test/deep/b"), lambda facts: facts.left_out.append(TESTS))
    finding = found("lock-parity", change, "worker-cpu")
    assert finding.outcome == "PASS"
    assert finding.found == "5 distributions as locked, 2 of their files left out"
    assert finding.evidence["left_out"] == [{**TESTS.model_dump(), "files": 2}]


def test_a_pattern_excuses_its_own_distribution_only_and_no_path_beside_it() -> None:
    excused: Change = lambda facts: facts.left_out.append(TESTS)  # noqa: E731 - a Change like the others
    uvicorn = lacking("torch/test/atest", info=f"{SITE}/uvicorn-0.54.0.dist-info")
    assert found("lock-parity", many(uvicorn, excused)).outcome == "FAIL"
    assert found("lock-parity", many(lacking("torch/testing/a.py"), excused)).outcome == "FAIL"


def test_what_the_base_image_s_distributions_lack_is_nobody_s_business() -> None:
    path = "/usr/lib/python3/dist-packages"
    change = contents(absent={f"{path}/pip-23.dist-info": [f"{path}/pip/x.py"]})
    assert found("lock-parity", change).outcome == "PASS"


@pytest.mark.parametrize(
    ("held", "locked", "same"),
    [
        ("2.13.0+cpu", "2.13.0", True), ("2.13.0+cu130", "2.13.0", True), ("2.13", "2.13.0", True),
        ("1.0", "1.0.1", False), ("1.0rc1", "1.0", False), ("1.0.post1", "1.0", False), ("x", "1.0", False),
        ("not a version", "not a version", True), ("", "", True),
    ],
)  # fmt: skip
def test_versions_are_compared_by_their_public_part(held: str, locked: str, *, same: bool) -> None:
    assert same_version(held, locked) is same


def test_a_size_is_told_in_megabytes_and_bytes_with_the_largest_distributions_beside_it() -> None:
    change = layer(2, unpacked_bytes=2_000_000_000, by_distribution={"torch": 1_500_000_000, "triton": 500_000_000})
    finding = found("size-added", change)
    assert finding.found == "2,020.6 MB (2,020,600,000 added bytes)"
    assert finding.expected == f"at most {CONTRACT.images['dev'].added_at_most / 1e6:,.1f} MB added"
    assert list(finding.evidence["largest"])[:2] == ["torch", "triton"]


def test_what_the_base_brings_is_not_among_the_largest_that_were_added() -> None:
    of_the_base = layer(0, by_distribution={"coreutils": 10**9})
    assert "coreutils" not in found("size-added", of_the_base).evidence["largest"]
    assert found("size-total", of_the_base).evidence["largest"]["coreutils"] == 10**9


def test_the_largest_distributions_are_summed_over_all_layers() -> None:
    parts = [layer(number, by_distribution={"torch": 300, "": 5}) for number in (1, 2)]
    assert found("size-total", many(*parts)).evidence["largest"]["torch"] == 600


@pytest.mark.parametrize(("more", "outcome"), [(0, "PASS"), (1, "FAIL")])
def test_a_budget_may_be_used_up_to_the_last_byte(more: int, outcome: str) -> None:
    def change(facts: Facts) -> None:
        core, *above = facts.part("contents")["layers"][1:]
        core["unpacked_bytes"] = facts.image.added_at_most - sum(one["unpacked_bytes"] for one in above) + more

    assert found("size-added", change, "backend").outcome == outcome


def test_the_base_image_does_not_count_against_the_budget() -> None:
    assert found("size-added", layer(0, unpacked_bytes=500_000_000), "dev").outcome == "PASS"


def test_a_trifle_may_be_written_again() -> None:
    assert found("no-repeated-bytes", layer(1, repeated_bytes=1_000_000)).outcome == "PASS"


def test_what_the_base_image_repeats_is_nobody_s_business() -> None:
    assert found("no-repeated-bytes", layer(0, repeated_bytes=50_000_000)).outcome == "PASS"


def test_what_is_held_twice_is_told_by_layer_and_summed_where_it_is_a_trifle() -> None:
    finding = found("no-repeated-bytes", many(layer(2, repeated_bytes=7), layer(3, repeated_bytes=1_000_001)))
    assert (finding.outcome, finding.found) == ("FAIL", "layer 3: 1,000,001 bytes")
    assert found("no-repeated-bytes", many(layer(2, repeated_bytes=7), layer(3, repeated_bytes=5))).found == "12 bytes"


LOWEST_ABOVE: dict[str, Change] = {
    "leftovers": stray("/app/.env", 1),
    "interpreter": lambda facts: facts.part("contents")["interpreter"].update(layer=1),
    "lock-parity": stray(f"{SITE}/requests/__init__.py", 1),
    "python-unaltered": contents(hooks=[{"path": f"{SITE}/lies.pth", "layer": 1, "distribution": ""}]),
}


@pytest.mark.parametrize("check", LOWEST_ABOVE)
def test_the_first_layer_above_the_base_is_judged_like_those_above_it(check: str) -> None:
    assert found(check, LOWEST_ABOVE[check]).outcome == "FAIL"


@pytest.mark.parametrize(("layer", "outcome"), [(0, "PASS"), (1, "FAIL"), (3, "FAIL")])
def test_a_broken_or_altered_file_counts_above_the_base_image_s_layers(layer: int, outcome: str) -> None:
    broken = [{"path": "/opt/a.so", "layer": layer, "why": "cut off"}]
    assert found("lock-parity", contents(broken=broken)).outcome == outcome
    assert found("lock-parity", contents(altered={"/opt/a.so": layer})).outcome == outcome


def test_a_broken_file_is_told_with_the_reason() -> None:
    broken = [{"path": "/opt/a.so", "layer": 2, "why": "cut off"}]
    assert found("lock-parity", contents(broken=broken)).found == "cannot be loaded as what it is: /opt/a.so (cut off)"


@pytest.mark.parametrize(
    "text",
    [
        "ARG PASSWORD=hunter2", "ENV AWS_SECRET_ACCESS_KEY=hunter2", "LABEL api-key=hunter2",
        "LABEL x.auth-token=hunter2",
        "RUN HTTPS_PROXY=http://hunter2 pip install", "RUN curl https://me:hunter2@host/x",
        "ARG UV_DEFAULT_INDEX=hunter2",
        "ENV PIP_EXTRA_INDEX_URL=hunter2", "ENV SSL_CERT_FILE=/hunter2",
    ],
)  # fmt: skip
def test_the_history_holds_no_secret_and_the_finding_does_not_show_it(text: str) -> None:
    finding = found("history", subject(history=[text]))
    assert finding.outcome == "FAIL"
    assert "hunter2" not in finding.model_dump_json()


@pytest.mark.parametrize(
    "text",
    [
        "ARG REVISION=unknown", "RUN --mount=type=secret,id=certificates HOME=/root sh /mnt/sync.sh", "ENV NO_TOKEN=",
        "ENV PATH=/opt/venv/bin:/usr/bin", 'CMD ["uvicorn" "--host" "0.0.0.0"]', "LABEL url=https://host/a@b",
        "RUN echo 'ktrdr:x:10001:10001:ktrdr:/home/ktrdr:/usr/sbin/nologin' >>/etc/passwd", "ENV NO_PROXY=localhost",
    ],
)  # fmt: skip
def test_an_ordinary_history_is_no_secret(text: str) -> None:
    finding = found("history", subject(history=[text]))
    assert (finding.outcome, finding.found) == ("PASS", "none")


def test_what_history_environment_and_labels_disclose_is_told_each_once() -> None:
    change = subject(
        history=["ENV API_KEY=x", "RUN curl https://me:x@host/"], environment={"API_KEY": "x"},
        labels={"DB_PWD": "x"},
    )  # fmt: skip
    assert found("history", change).found == "credential: https://…, secret: API_KEY, secret: DB_PWD"


def test_a_loaded_cuda_library_that_the_layers_do_not_hold_is_told_with_its_path() -> None:
    change = report("pytorch", libraries=["/x/libcublas.so.13", "/usr/lib/libc.so.6", f"{CUDA_HOME}/libnccl.so.2"])
    assert (
        found("cuda-libraries-agree", change, "worker-gpu").found == "loaded, but not in the layers: /x/libcublas.so.13"
    )


def test_cuda_distributions_are_told_by_name() -> None:
    change = many(distribution("nvidia-cublas", "13"), distribution("triton", "3"), distribution("cuda-bindings", "13"))
    assert found("cuda-distributions", change, "worker-cpu").found == "cuda-bindings, nvidia-cublas, triton"


def test_cuda_s_distributions_and_libraries_are_told_where_they_belong_and_where_they_do_not() -> None:
    assert (
        found("cuda-distributions", role="worker-gpu").found
        == "cuda-bindings, nvidia-cublas, nvidia-cudnn-cu13, triton"
    )
    assert found("cuda-libraries", role="worker-gpu").found == "5 sonames, one copy each"
    change = contents(cuda_libraries=[library("libnccl.so.2")])
    assert found("cuda-libraries", change, "backend").found == f"{CUDA_HOME}/libnccl.so.2"


def test_a_cuda_distribution_of_the_base_image_counts_too() -> None:
    def change(facts: Facts) -> None:
        one = {"name": "triton", "version": "3", "path": f"{SITE}/triton-3.dist-info", "layer": 0}
        facts.part("contents")["distributions"].append(one)

    assert found("cuda-distributions", change, "worker-cpu").outcome == "FAIL"


def test_a_library_that_upstream_ships_twice_is_excused_by_the_contract_alone() -> None:
    allowed = f"{SITE}/triton/backends/nvidia/lib/cupti"
    excuse = Allowed(path=f"{allowed}/libcupti*", reason="triton's wheel carries CUPTI for its profiler")

    def twice(directory: str) -> Change:
        def change(facts: Facts) -> None:
            libraries = facts.part("contents")["cuda_libraries"]
            libraries += [library("libcupti.so.13"), library("libcupti.so.13", directory)]
            image = facts.image.model_copy(update={"duplicate_libraries": [excuse]})
            images = {**facts.contract.images, facts.role: image}
            facts.contract = facts.contract.model_copy(update={"images": images})

        return change

    assert found("cuda-libraries", twice(allowed), "worker-gpu").outcome == "PASS"
    assert "libcupti.so.13 2 times: " in found("cuda-libraries", twice("/elsewhere"), "worker-gpu").found


def test_missing_cuda_libraries_are_told_by_name() -> None:
    finding = found("cuda-libraries", contents(cuda_libraries=[]), "worker-gpu")
    assert finding.found == "missing: libcudart.so, libcublas.so, libcudnn.so, libnccl.so, libtorch_cuda.so"


DOZEN = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (2, "0, 1"), (12, DOZEN), (13, f"{DOZEN} and 1 more"), (14, f"{DOZEN} and 2 more")],
)
def test_a_long_list_is_cut_and_says_so(count: int, text: str) -> None:
    assert listed(map(str, range(count))) == text


def test_the_evidence_of_a_size_sums_a_distribution_of_two_layers_and_names_what_none_owns() -> None:
    evidence: dict[str, Any] = found("size-total").evidence
    assert "(no distribution)" in evidence["largest"]


def test_distributions_without_bytecode_are_told_if_they_are_not_the_base_s() -> None:
    change = contents(uncompiled={"idna": 2, "pip": 0, "ktrdr": 1})
    finding = good("backend", change).findings()["lock-parity"]
    assert (finding.outcome, finding.found) == (
        "FAIL", "without bytecode, so that each start compiles them anew: idna, ktrdr"
    )  # fmt: skip
    assert good("backend", contents(uncompiled={"pip": 0})).findings()["lock-parity"].outcome == "PASS"
