"""The contract is valid or told to be mistaken: each mistake with its key, its value and the next step."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.artifacts import GPU
from deploy.contract import Allowed, Application, Contract, Image
from deploy.contract_file import contract_mistakes
from deploy.forms import FORMS
from tests.support.contracts import shipped, with_value
from verify.__main__ import COMMANDS
from verify.commands.published import PLACE


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("schema", 2, r"schema = 2: this version reads schema 1; use the checkout that wrote the file"),
        ("schema", None, r"schema: missing; write schema = 1"),
        ("schema", True, r"schema = True: this version reads schema 1"),
        ("schema", "1", r"schema = '1': this version reads schema 1"),
        ("python", "3.11.2", r"python = '3\.11\.2': write a version of Python in two parts"),
        ("python", 3.11, r"python = 3\.11: write a text in quotes"),
        ("platform", None, r"platform: missing; add it"),
        ("platform", "linux/s390x", r"platform = 'linux/s390x': write 'linux/amd64': images have no other platform"),
        ("platform", "amd64", r"platform = 'amd64': write 'linux/amd64': images have no other platform"),
        ("images", None, r"images: missing; add it"),
        ("images", {}, r"images = \{…\}: name one at least"),
        ("images", ["backend"], r"images = \['backend'\]: write a table"),
        ("images.backend", "x", r"images\.backend = 'x': write a table"),
        ("imagse", {}, r"imagse = \{…\}: unknown key; did you mean 'images'\?"),
        ("xyzzy", 1, r"xyzzy = 1: unknown key; remove it"),
        ("application", None, r"application: missing; add it"),
        ("application.modul", "x", r"application\.modul = 'x': unknown key; did you mean 'module'\?"),
        ("application.module", "ktrdr/api", r"application\.module = 'ktrdr/api': write a name with dots"),
        ("application.health", "api", r"application\.health = 'api': write a path"),
        ("application.heavy", [], r"application\.heavy = \[\]: name one at least"),
        ("application.more_routes_than", -1, r"application\.more_routes_than = -1: write a number from 0 on"),
        ("application.more_routes_than", "10", r"application\.more_routes_than = '10': write a whole number"),
        ("images.backend.nmae", "x", r"images\.backend\.nmae = 'x': unknown key; did you mean 'name'\?"),
        ("images.backend.name", None, r"images\.backend\.name: missing; add it"),
        ("images.backend.name", "ktrdr-backend", r"images\.backend\.name = 'ktrdr-backend': write a name in small"),
        ("images.backend.name", "Ktrdr:x", r"images\.backend\.name = 'Ktrdr:x': write a name in small"),
        ("images.backend.dockerfile", "/etc/x", r"images\.backend\.dockerfile = '/etc/x': write a path from the"),
        ("images.backend.torch_expected", "no", r"images\.backend\.torch_expected = 'no': write true or false"),
        ("images.backend.cuda_expected", "none", r"images\.backend\.cuda_expected = 'none': write \"n/a\""),
        ("images.backend.cuda_expected", True, r"images\.backend\.cuda_expected = True: write \"n/a\""),
        ("images.backend.cuda_expected", False, r"images\.backend = \{…\}: cuda_expected is \"n/a\" where torch_"),
        ("images.dev.cuda_expected", "n/a", r"images\.dev = \{…\}: cuda_expected is \"n/a\" where torch_"),
        ("images.dev.worker_types", ["live"], r"images\.dev\.worker_types\.0 = 'live': write 'training' or 'backtest'"),
        ("images.dev.torch_builds", None, r"images\.dev = \{…\}: torch_builds names one at least where torch_exp"),
        ("images.dev.torch_builds", ["+cpu"], r"images\.dev\.torch_builds\.0 = '\+cpu': write a build of PyTorch by"),
        ("images.backend.torch_builds", ["cpu"], r"images\.backend = \{…\}: torch_builds names one at least where"),
        ("images.dev.gpu_architectures", ["sm_90"], r"images\.dev = \{…\}: gpu_architectures names one at least where"),
        ("images.worker-gpu.gpu_architectures", None, r"images\.worker-gpu = \{…\}: gpu_architectures names one at"),
        ("images.worker-gpu.gpu_architectures", ["90"], r"images\.worker-gpu\.gpu_architectures\.0 = '90': write a"),
        ("images.backend.added_at_most", "2 GB", r"images\.backend = \{…\}: added_at_most is part of total_at_most"),
        ("images.backend.health", "http://0.0.0.0:1/", r"images\.backend\.health = 'http://0\.0\.0\.0:1/': write an"),
        ("images.backend.writable", ["data"], r"images\.backend\.writable\.0 = 'data': write a directory"),
        ("images.backend.extras", "ml", r"images\.backend\.extras = 'ml': write a list"),
        ("configuration.user", "root", r"configuration\.user = 'root': write a user and a group by number"),
        ("configuration.environment", {"A": 1}, r"configuration\.environment\.A = 1: write a text in quotes"),
        ("configuration.enviroment", {}, r"configuration\.enviroment = \{…\}: unknown key; did you mean 'envi"),
        ("configuration.volumes", ["data"], r"configuration\.volumes\.0 = 'data': write a directory"),
        ("configuration.healthcheck.command", [], r"configuration\.healthcheck\.command = \[\]: name one at least"),
        ("configuration.healthcheck.retries", None, r"configuration\.healthcheck\.retries: missing; add it"),
        ("configuration.healthcheck.interval", 5, r"configuration\.healthcheck\.interval = 5: write a table"),
        ("configuration.healthcheck.interval.at_least", "5", r"configuration\.healthcheck\.interval\.at_least = '5'"),
        ("configuration.healthcheck.interval.at_least", -1, r"configuration\.healthcheck\.interval\.at_least = -1: w"),
        ("configuration.healthcheck.interval.at_least", 99, r"configuration\.healthcheck\.interval = \{…\}: at_le"),
        ("images.dev.configuration.ports", ["8000"], r"images\.dev\.configuration\.ports\.0 = '8000': write a port"),
        ("images.dev.configuration.comand", [], r"images\.dev\.configuration\.comand = \[\]: unknown key; did you"),
        ("images.Backend", {}, r"images\.Backend\.role = 'Backend': write the table's name"),
        ("images.dev.duplicate_libraries", [{"path": "*"}], r"images\.dev\.duplicate_libraries\.0\.reason: missing"),
        ("images.dev.packages", ["Tini"], r"images\.dev\.packages\.0 = 'Tini': write a Debian package's name"),
        *(
            ("images.dev.name", f"{place}ktrdr-backend:prod", r"images\.dev\.name = .*: images\.backend has this n")
            for place in ("", "docker.io/library/", "docker.io/", "library/", "index.docker.io/library/")
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key_its_value_and_the_next_step(key: str, value: Any, told: str) -> None:
    mistakes = contract_mistakes(with_value(key, value))
    assert any(re.match(told, mistake) for mistake in mistakes), mistakes


def test_every_form_that_a_text_has_is_told_in_words() -> None:
    patterns = set(re.findall(r'"pattern": "(.*?)"[,}]', json.dumps(Contract.model_json_schema())))
    patterns |= set(re.findall(r'"patternProperties": \{"(.*?)":', json.dumps(Contract.model_json_schema())))
    assert {json.loads(f'"{one}"') for one in patterns} == set(FORMS)


@pytest.mark.parametrize(
    "text", ["110", "110MB", "110 MiB", "110 mb", "-1 MB", "0 MB", "MB", "1e3 MB", "1.2.3 GB", 110, True]
)
def test_a_size_without_a_unit_that_all_read_alike_is_refused(text: Any) -> None:
    (mistake,) = contract_mistakes(with_value("images.backend.added_at_most", text))
    assert mistake.startswith(f"images.backend.added_at_most = {text!r}: write a size above zero as a number")


@pytest.mark.parametrize(
    ("text", "size"),
    [("1 B", 1), ("1 kB", 10**3), ("110 MB", 110 * 10**6), ("1.25 GB", 1_250_000_000), ("0.5 GB", 5 * 10**8)],
)
def test_sizes_are_decimal(text: str, size: int) -> None:
    document = with_value("images.dev.added_at_most", text)
    document["images"]["dev"]["total_at_most"] = "2 GB"
    document["images"]["dev"]["role"] = "dev"
    assert Image.model_validate(document["images"]["dev"]).added_at_most == size


def test_a_role_is_named_by_its_table_and_by_no_key_of_its_own() -> None:
    (mistake,) = contract_mistakes(with_value("images.backend.role", "other"))
    assert mistake.startswith("images.backend.role = 'other': unknown key")


def test_mistakes_of_different_kinds_are_all_told_at_once() -> None:
    document = with_value("images.backend.nmae", "x")
    document["images"]["dev"]["added_at_most"] = "1 GiB"
    del document["images"]["worker-cpu"]["health"]
    document["pyhton"] = "3.11"
    keys = [mistake.split(" ")[0].rstrip(":") for mistake in contract_mistakes(document)]
    assert sorted(keys) == ["images.backend.nmae", "images.dev.added_at_most", "images.worker-cpu.health", "pyhton"]


def test_a_size_beyond_all_measure_is_a_mistake_like_any_other() -> None:
    assert len(contract_mistakes(with_value("images.backend.total_at_most", "9" * 400 + " GB"))) == 1


def test_a_number_too_long_to_print_is_a_mistake_like_any_other() -> None:
    assert len(contract_mistakes(with_value("python", 10**5000))) == 1


KEYS = sorted({"schema", *Contract.model_fields, *Application.model_fields, *Image.model_fields, *Allowed.model_fields})
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes()
    | st.times()
)
words = st.sampled_from(["n/a", "host_dependent", "1 MB", "3.11", "a:b", "/x", "backend", "http://127.0.0.1:1/"])
values = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
documents = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), values, max_size=6)


@settings(deadline=None, max_examples=30)
@given(document=documents, schema=st.just(1) | scalars)
def test_no_document_makes_the_validation_break_down(document: dict[str, Any], schema: Any) -> None:
    assert all(isinstance(mistake, str) and mistake for mistake in contract_mistakes({**document, "schema": schema}))


places = st.sampled_from(
    [key for key in ("python", "application", "images") for _ in range(2)]
    + [f"application.{key}" for key in Application.model_fields]
    + [f"images.dev.{key}" for key in Image.model_fields]
)


@settings(deadline=None, max_examples=50)
@given(place=places, value=values.filter(lambda value: value is not None))
def test_a_value_is_either_valid_or_told_as_a_mistake_of_its_key(place: str, value: Any) -> None:
    document = with_value(place, value)
    if mistakes := contract_mistakes(document):
        assert all(mistake.startswith((place, place.rpartition(".")[0] or place)) for mistake in mistakes)


def test_an_image_may_be_all_above_its_base() -> None:
    total = shipped()["images"]["backend"]["total_at_most"]
    assert contract_mistakes(with_value("images.backend.added_at_most", total)) == []


@pytest.mark.parametrize(("length", "cut"), [(57, False), (58, False), (59, True)])
def test_a_value_is_shown_whole_as_long_as_it_fits(length: int, *, cut: bool) -> None:
    (mistake,) = contract_mistakes(with_value("images.backend.dockerfile", "/" + "x" * (length - 1)))
    assert ("…" in mistake) == cut
    assert ("'" + "/" + "x" * (length - 1) + "'" in mistake) != cut


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("images.backend.limits", None, "images.backend.limits: missing; add it"),
        ("images.backend.limits.memory", "512M", "images.backend.limits.memory = '512M': write a size above zero"),
        ("images.backend.limits.processes", 0, "images.backend.limits.processes = 0: write a number from 1 on"),
        ("images.backend.limits.files", 9, "images.backend.limits.files = 9: unknown key"),
        ("serving.stop_seconds", 0.5, "serving.stop_seconds = 0.5: write a number from 1 on"),
        ("serving.busy_at_most", 10, "serving.busy_at_most = 10: write 1 at most"),
        ("serving.exit_code", -1, "serving.exit_code = -1: write a number from 0 on"),
    ],
)
def test_a_mistake_in_limits_or_in_how_a_server_runs_is_told(key: str, value: Any, told: str) -> None:
    (mistake,) = contract_mistakes(with_value(key, value))
    assert mistake.startswith(told)


@pytest.mark.parametrize("place", ["ghcr.io/", "localhost:5000/", "docker.io/ours/", "ours/", "library/ours/"])
def test_a_name_in_another_place_is_another_image(place: str) -> None:
    assert contract_mistakes(with_value("images.dev.name", f"{place}ktrdr-backend:prod")) == []


@pytest.mark.parametrize("name", [*filter(None, COMMANDS), GPU, PLACE])
def test_a_role_cannot_have_the_name_of_a_command_or_of_a_directory_of_artifacts(name: str) -> None:
    document = shipped()
    document["images"][name] = document["images"].pop("dev")
    (told,) = contract_mistakes(document)
    assert told.startswith(f"images.{name}: this name is a word of the command line")
