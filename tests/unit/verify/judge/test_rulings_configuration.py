"""Whatever an image sets that is neither the contract's nor its base image's is told by name, and what lacks, too."""

from functools import partial
from typing import Any

import pytest

from deploy.configuration import Configuration
from tests.support.cases import CONTRACT, Change, Facts, good
from tests.support.changes import label, record, subject, tried, variable
from verify.judge.rulings.configuration import REASONS
from verify.judge.verdict import Finding


def found(change: Change | None = None, role: str = "backend") -> Finding:
    return good(role, change).findings()["configuration"]


def base(**values: Any) -> Change:
    return lambda facts: facts.part("record")["base"].update(values)


def contract(**values: Any) -> Change:
    """The contract's words on every image, with these keys changed."""

    def change(facts: Facts) -> None:
        common = CONTRACT.configuration.with_(Configuration(**values))
        facts.contract = CONTRACT.model_copy(update={"configuration": common})

    return change


def test_a_variable_that_nobody_has_heard_of_is_told_with_its_value() -> None:
    told = found(partial(variable, name="NEVER_HEARD_OF", value="x y")).found
    assert told == "ENV NEVER_HEARD_OF=x y is neither the contract's nor the base's"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SSLKEYLOGFILE", "the keys of every TLS connection"), ("CURL_CA_BUNDLE", "certificates"),
        ("GIT_SSL_NO_VERIFY", "certificates"), ("SSL_CERT_FILE", "certificates"),
        ("LD_PRELOAD", "it changes what programs load"),
        ("WEB_CONCURRENCY", "the server"), ("UVICORN_APP_DIR", "the server"), ("PYTHONIOENCODING", "text"),
        ("PYTHONHOME", "it changes what programs load"), ("BASH_ENV", "it changes what programs load"),
        ("CUDA_VISIBLE_DEVICES", "libraries load code"), ("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "libraries load code"),
        ("OMP_NUM_THREADS", "libraries load code"), ("KTRDR_WORKER_ID", "the deployment"),
    ],
)  # fmt: skip
def test_a_variable_that_is_known_is_told_with_the_harm_that_it_does(name: str, reason: str) -> None:
    told = found(partial(variable, name=name, value="1")).found
    assert told.startswith(f"ENV {name}=")
    assert f"is neither the contract's nor the base's ({reason}" in told


def test_every_reason_is_that_of_a_variable_and_of_nothing_else() -> None:
    assert all(REASONS.values())
    assert found(partial(label, name="LD_PRELOAD", value="1")).found.endswith("the base's")


def test_a_variable_without_a_value_is_a_variable_all_the_same() -> None:
    assert (
        found(partial(variable, name="EMPTY", value="")).found == "ENV EMPTY= is neither the contract's nor the base's"
    )


def test_another_value_than_the_contract_s_is_told_with_both() -> None:
    told = found(partial(variable, name="HOME", value="/data")).found
    assert told == "ENV HOME=/data, not /home/ktrdr"


def test_another_value_than_the_base_s_is_told_with_both_and_the_reason() -> None:
    told = found(partial(variable, name="LANG", value="C")).found
    assert told == "ENV LANG=C, not C.UTF-8 (text may be read otherwise, or raise)"


SH, BASH = {"shell": ["/bin/sh", "-c"]}, {"shell": ["/bin/bash", "-c"]}


def test_what_the_base_sets_is_the_base_s() -> None:
    own = {"stop_signal": "SIGINT", **BASH}

    def change(facts: Facts) -> None:
        facts.part("record")["base"]["environment"].update(GPG_KEY="A")
        facts.part("record")["base"]["labels"].update(b="1")
        base(ports=["9/tcp"], **own)(facts)
        variable(facts, "GPG_KEY", "A")
        label(facts, "b", "1")
        subject(ports=["8000/tcp", "9/tcp"], **own)(facts)

    assert found(change).found == "as the contract says"


def test_what_the_base_sets_and_the_image_lacks_is_told() -> None:
    assert found(base(ports=["9/tcp"])).found == "no EXPOSE 9/tcp"
    assert found(base(stop_signal="SIGINT")).found == "no STOPSIGNAL SIGINT"
    assert found(base(author="us")).found == "no MAINTAINER us"
    assert found(base(**BASH)).found == 'no SHELL ["/bin/bash", "-c"]'


def test_the_contract_s_own_words_stand_before_the_base_s() -> None:
    def change(facts: Facts) -> None:
        contract(stop_signal="SIGTERM", **SH)(facts)
        base(stop_signal="SIGINT", **BASH)(facts)
        subject(stop_signal="SIGTERM", **SH)(facts)

    assert found(change).outcome == "PASS"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"command": ["sh", "-c", "umask 0; exec x"]}, 'CMD ["sh", "-c", "umask 0; exec x"], not ["uvicorn", "ktrdr'),
        ({"command": []}, 'no CMD ["uvicorn", '),
        ({"entrypoint": ["tini", "--"]}, 'ENTRYPOINT ["tini", "--"] is neither'),
        ({"user": "0"}, "USER 0, not 10001:10001"),
        ({"working_directory": "/srv"}, "WORKDIR /srv, not /home/ktrdr"),
        ({"ports": ["8000/tcp", "8001/udp"]}, "EXPOSE 8001/udp is neither"),
        ({"ports": []}, "no EXPOSE 8000/tcp"),
        ({"volumes": ["/data"]}, "VOLUME /data is neither"),
        ({"shell": ["/bin/bash", "-c"]}, 'SHELL ["/bin/bash", "-c"] is neither'),
        ({"stop_signal": "SIGUSR1"}, "STOPSIGNAL SIGUSR1 is neither"),
        ({"author": "us"}, "MAINTAINER us is neither the contract's nor the base's"),
        ({"on_build": ["USER 0", "RUN x"]}, "ONBUILD RUN x is neither the contract's nor the base's; ONBUILD USER 0"),
        ({"healthcheck": ["CMD-SHELL", "true"]}, 'HEALTHCHECK ["CMD-SHELL", "true"], not ["CMD", "python", "-m", "kt'),
        ({"healthcheck": ["NONE"]}, 'HEALTHCHECK ["NONE"], not ["CMD", '),
        ({"healthcheck": []}, 'no HEALTHCHECK ["CMD", "python", '),
    ],
)  # fmt: skip
def test_every_setting_is_compared_word_for_word(values: dict[str, Any], told: str) -> None:
    finding = found(subject(**values))
    assert finding.outcome == "FAIL"
    assert finding.found.startswith(told)


@pytest.mark.parametrize(
    "values",
    [
        {"volumes": ["/data"]}, {"entrypoint": ["tini", "--"]}, {"on_build": ["USER 0"]}, {"shell": ["/s", "-c"]},
        {"stop_signal": "SIGINT"}, {"user": "7:7"}, {"working_directory": "/srv"},
    ],
)  # fmt: skip
def test_what_the_contract_allows_is_due(values: dict[str, Any]) -> None:
    assert found(contract(**values)).outcome == "FAIL"

    def both(facts: Facts) -> None:
        contract(**values)(facts)
        subject(**values)(facts)

    assert found(both).outcome == "PASS"


def test_an_image_without_a_health_check_is_right_where_the_contract_has_none() -> None:
    def both(facts: Facts) -> None:
        contract(healthcheck=None)(facts)
        subject(healthcheck=[], healthcheck_numbers={})(facts)

    assert found(contract(healthcheck=None)).outcome == "FAIL"
    assert found(both).outcome == "PASS"


@pytest.mark.parametrize(
    ("name", "number", "told"),
    [
        ("interval", 5, ""), ("interval", 30, ""),
        ("interval", 1, "HEALTHCHECK --interval=1 is outside of 5 to 30"),
        ("interval", 30.5, "HEALTHCHECK --interval=30.5 is outside of 5 to 30"),
        ("timeout", 0.3, "HEALTHCHECK --timeout=0.3 is outside of 3 to 10"),
        ("start_period", 0, "HEALTHCHECK --start-period=0 is outside of 20 to 120"),
        ("start_interval", 9, "HEALTHCHECK --start-interval=9 is outside of 0.5 to 5"),
        ("retries", 1, "HEALTHCHECK --retries=1 is outside of 2 to 5"),
    ],
)  # fmt: skip
def test_a_health_check_s_times_have_bounds_from_below_and_above(name: str, number: float, told: str) -> None:
    assert found(partial(tried, name=name, number=number)).found == (told or "as the contract says")


def test_a_time_that_is_not_known_is_no_time_at_all() -> None:
    assert "HEALTHCHECK --interval=0 is outside of 5 to 30" in found(subject(healthcheck_numbers={})).found


def test_a_health_check_that_is_switched_off_has_no_times() -> None:
    assert "--interval" not in found(subject(healthcheck=["NONE"], healthcheck_numbers={})).found


def test_labels_are_those_of_the_role_and_of_the_revision_that_was_built() -> None:
    other = partial(label, name="ktrdr.role", value="worker-cpu")
    assert found(other).found == "LABEL ktrdr.role=worker-cpu, not backend"
    source = {"revision": "f" * 40, "dirty": False, "lock_sha256": "b" * 64}
    told = found(record(source=source)).found
    assert told == f"LABEL org.opencontainers.image.revision=0123456789abcdef, not {'f' * 40}"


def test_a_label_that_is_not_there_is_told() -> None:
    def change(facts: Facts) -> None:
        del facts.part("subject")["labels"]["org.opencontainers.image.licenses"]

    assert found(change).found == "no LABEL org.opencontainers.image.licenses=MIT"


def test_a_secret_is_told_by_name_and_never_by_value() -> None:
    for name in ("API_TOKEN", "http_proxy"):
        told = found(partial(variable, name=name, value="hunter2-correct-horse")).found
        assert told.startswith(f"ENV {name}=•••")
        assert "hunter2" not in told
    told = found(subject(command=["serve", "--password=hunter2-correct-horse"])).found
    assert "hunter2" not in told


def test_a_value_without_end_is_cut() -> None:
    told = found(partial(variable, name="LONG", value="x" * 10_000)).found
    assert told == f"ENV LONG={'x' * 291} is neither the contract's nor the base's"


def test_without_the_build_s_record_nothing_is_known_of_the_base() -> None:
    assert found(lambda facts: setattr(facts, "record", None)).outcome == "ERROR"


@pytest.mark.parametrize(
    "values",
    [
        *({"stop_signal": name} for name in ("SIGTERM", "TERM", "15", "sigterm")), SH,
        *({"working_directory": f"/home/ktrdr{end}"} for end in ("/", "//", "/.")),
    ],
)  # fmt: skip
def test_a_default_that_is_written_out_makes_no_difference(values: dict[str, Any]) -> None:
    assert found(subject(**values)).outcome == "PASS"


@pytest.mark.parametrize(
    "values", [{"stop_signal": "SIGTERM2"}, {"working_directory": "/home/x/../ktrdr"}, {"shell": ["/bin/sh"]}]
)
def test_what_is_no_default_makes_one(values: dict[str, Any]) -> None:
    assert found(subject(**values)).outcome == "FAIL"
