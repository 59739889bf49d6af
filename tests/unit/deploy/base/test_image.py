"""Where the base image comes from, and when silence is silence."""

import contextlib
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest
import requests.exceptions

from deploy import locks
from deploy.base import bootstrap, image
from deploy.base.bootstrap import Recipe
from deploy.base.image import BaseImage, NoRegistryError, PullError, ensure_base, follow_pull, is_silent, refused
from deploy.base.pins import Pins, digest_of
from deploy.engine import apt
from deploy.engine.connection import Engine
from deploy.errors import Problem
from deploy.image_config import ImageConfig

ENGINE = Engine("unix:///s", "e", "26.1", "1.45", "overlay2", "0.13.1", "2.26.1", "/usr/bin/docker")
TAG = "python:3.11-slim-bookworm"
PACKAGES = {"bash": "5.2", "dash": "0.5"}
STATUS = "".join(f"Package: {name}\nStatus: install ok installed\nVersion: {PACKAGES[name]}\n\n" for name in PACKAGES)
PINS = Pins(images={TAG: "sha256:" + "5" * 64}, wheels={}, packages={"bookworm/amd64": PACKAGES})
OFFICIAL = PINS.image(TAG)
RECIPE = Recipe("3.11", "bookworm", "amd64")
LABELS = {
    bootstrap.LABEL: RECIPE.digest,
    bootstrap.PLACE: "bookworm/amd64",
    bootstrap.PACKAGES_LABEL: digest_of(PACKAGES),
}
FACTS = {"Id": "sha256:1", "RootFS": {"Layers": ["sha256:a"]}}


class FakeEngine:
    """As much of the SDK's client as a base image needs: images by name, and what a pull answers."""

    def __init__(
        self, images: dict[str, dict[str, Any]], pulled: Callable[[], list[dict[str, str]]] | None = None
    ) -> None:
        self.held, self.pulled, self.pulls, self.loads = images, pulled, list[str](), 0
        self.images = self.api = self

    def get(self, name: str) -> Any:
        if name not in self.held:
            raise docker.errors.ImageNotFound("no such image")
        return type("Image", (), {"attrs": self.held[name]})

    def pull(self, repository: str, *, platform: str, **_options: object) -> list[dict[str, str]]:
        assert platform == "linux/amd64", "the engine's own platform may be another"
        self.pulls.append(repository)
        assert self.pulled, "nothing is to be pulled"
        events = self.pulled()
        self.held[OFFICIAL] = FACTS
        return events

    def load(self, _stream: object) -> None:
        self.loads += 1
        self.held[RECIPE.reference] = {**FACTS, "Config": {"Labels": {**LABELS}}}

    def close(self) -> None:
        pass


def silent() -> list[dict[str, str]]:
    raise docker.errors.APIError("500", explanation='Get "https://r.example/v2/": dial tcp: lookup r: no such host')


def denied() -> list[dict[str, str]]:
    raise docker.errors.APIError("404", explanation="pull access denied for python, repository does not exist")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def archive(_made: Recipe, _say: Callable[[str], None]) -> Iterator[Path]:
        path = tmp_path / "image.tar"
        path.touch()
        yield path

    monkeypatch.setattr(bootstrap, "archive", archive)
    monkeypatch.setattr(locks, "folder", lambda: tmp_path)
    monkeypatch.setattr(image, "read_pins", lambda _path: PINS)
    monkeypatch.setattr(apt, "this_distribution", lambda: apt.Distribution("debian", "bookworm", "Debian 12"))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def ensure(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine, reference: str | None = None) -> tuple[BaseImage, str]:
    said: list[str] = []
    monkeypatch.setattr(image, "sdk", lambda _engine, timeout: engine if timeout else None)
    return ensure_base(ENGINE, "3.11", reference, Path("pins.toml"), said.append, platform="linux/amd64"), "\n".join(
        said
    )


def test_an_official_image_that_the_engine_has_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _said = ensure(monkeypatch, FakeEngine({OFFICIAL: FACTS}))
    assert found == BaseImage(OFFICIAL, "local", ImageConfig.from_inspect(FACTS), "the engine had it")


def test_the_engine_s_image_of_that_tag_is_used_only_where_no_registry_answers_for_the_pinned_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, said = ensure(monkeypatch, FakeEngine({TAG: FACTS}, silent))
    assert (found.reference, found.origin) == (TAG, "local")
    assert f"{TAG} is not pinned: the engine had it; no registry answers for {OFFICIAL}" in said
    found, _said = ensure(monkeypatch, FakeEngine({TAG: FACTS}, list))
    assert (found.reference, found.origin) == (OFFICIAL, "registry")


def test_packages_that_are_not_the_pinned_ones_are_said_by_name_whenever_the_image_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine({}, silent)
    _found, said = ensure(monkeypatch, engine)
    assert "pinned packages" not in said
    monkeypatch.setattr(image, "packages_of", lambda _client, _reference: {**PACKAGES, "dash": "0.6"})
    monkeypatch.setitem(LABELS, bootstrap.PACKAGES_LABEL, "other")
    for held in ({}, {RECIPE.reference: {**FACTS, "Config": {"Labels": LABELS}}}):
        _found, said = ensure(monkeypatch, FakeEngine(held, silent))
        assert "base: not the pinned packages: dash 0.6, pinned 0.5; python -m deploy pin renews the pins" in said


def test_an_official_image_that_is_missing_is_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    found, said = ensure(monkeypatch, FakeEngine({}, list))
    assert (found.reference, found.origin) == (OFFICIAL, "registry")
    assert f"pulling {OFFICIAL}" in said


def test_where_no_registry_answers_one_is_bootstrapped_and_it_is_said_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({}, silent)
    found, said = ensure(monkeypatch, engine)
    assert (found.reference, found.origin, engine.loads) == (RECIPE.reference, "bootstrapped", 1)
    assert "NO REGISTRY ANSWERS" in said
    assert "no such host" in found.note


def test_what_was_bootstrapped_is_used_again_without_asking_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({}, silent)
    ensure(monkeypatch, engine)
    found, _said = ensure(monkeypatch, engine)
    assert found.origin == "bootstrapped"
    assert (engine.loads, len(engine.pulls)) == (1, 1)


def test_an_image_that_only_has_the_name_of_a_bootstrapped_one_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({RECIPE.reference: FACTS}, silent)
    ensure(monkeypatch, engine)
    assert engine.loads == 1


def test_a_registry_that_refuses_is_a_problem_and_nothing_is_bootstrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({}, denied)
    with pytest.raises(Problem, match="the registry answers: pull access denied"):
        ensure(monkeypatch, engine)
    assert engine.loads == 0


def test_a_registry_that_says_nothing_in_time_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "SILENCE_SECONDS", 0.05)
    never = threading.Event()

    def mute() -> list[dict[str, str]]:
        never.wait(1)
        return []

    found, said = ensure(monkeypatch, FakeEngine({}, mute))
    never.set()
    assert found.origin == "bootstrapped"
    assert "nothing said within" in said


def test_an_engine_that_breaks_off_a_pull_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[dict[str, str]]:
        raise requests.exceptions.ConnectionError("Remote end closed connection")

    with pytest.raises(Problem, match="the engine broke off"):
        ensure(monkeypatch, FakeEngine({}, broken))


def test_a_given_image_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _said = ensure(monkeypatch, FakeEngine({"mine:1": FACTS}), "mine:1")
    assert (found.reference, found.origin) == ("mine:1", "given")


def test_a_given_image_is_never_replaced_by_a_bootstrapped_one(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine({}, silent)
    with pytest.raises(Problem, match="no registry answers for it"):
        ensure(monkeypatch, engine, "mine:1")
    assert engine.loads == 0


@pytest.mark.parametrize(
    "message",
    [
        'Get "https://r.example/v2/": dial tcp: lookup r.example on 192.0.2.1:53: no such host',
        'Get "https://r.example/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
        'Get "https://r.example/v2/": dial tcp 192.0.2.1:443: i/o timeout',
        'Get "https://r.example/v2/": net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
        'Get "https://r.example/v2/": net/http: TLS handshake timeout',
        'Get "https://r.example/v2/": proxyconnect tcp: dial tcp: lookup proxy: no such host',
        'Get "https://r.example/v2/": Forbidden',
        'failed to do request: Head "https://r.example/v2/library/python/manifests/3": Bad Gateway',
        "failed to resolve reference: lookup r.example: Temporary failure in name resolution",
    ],
)
def test_nobody_there_is_silence(message: str) -> None:
    assert is_silent(message)


@pytest.mark.parametrize(
    ("message", "next_step"),
    [
        ("pull access denied for python, repository does not exist or may require 'docker login'", "docker login"),
        ("manifest for python:3.99 not found: manifest unknown: manifest unknown", "set PYTHON_IMAGE"),
        ("toomanyrequests: You have reached your pull rate limit", "wait"),
        ('Get "https://r.example/v2/": tls: failed to verify certificate: x509: unknown authority', "certificate"),
        ("unauthorized: authentication required", "docker login"),
        ("error parsing HTTP 403 response body: denied by policy", "PYTHON_IMAGE"),
    ],
)
def test_an_answer_is_no_silence_and_has_its_next_step(message: str, next_step: str) -> None:
    problem = refused("python:3.11", message)
    assert isinstance(problem, Problem)
    assert next_step in problem.next_step


def test_silence_names_its_reason_in_a_few_words() -> None:
    error = refused("python:3.11", 'Get "https://r.example/v2/": dial tcp: lookup r.example: no such host')
    assert isinstance(error, NoRegistryError)
    assert str(error) == "no such host"


def test_an_error_in_the_middle_of_a_pull_is_an_error() -> None:
    with pytest.raises(PullError, match="no space left") as caught:
        follow_pull([{"status": "Pulling fs layer", "id": "a"}, {"error": "no space left on device"}], print)
    assert caught.value.begun


def test_a_registry_that_falls_silent_in_the_middle_is_a_problem_and_nothing_is_bootstrapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = FakeEngine({}, lambda: [{"status": "Pulling fs layer", "id": "a"}, {"error": "read: i/o timeout"}])
    with pytest.raises(Problem, match="it broke off: read: i/o timeout"):
        ensure(monkeypatch, engine)
    assert engine.loads == 0


def test_a_recipe_s_name_says_what_it_makes() -> None:
    assert RECIPE.reference == f"ktrdr-base:py3.11-bookworm-{RECIPE.digest[:12]}"


@pytest.mark.parametrize(("python", "asked"), [("3.9", True), ("3.11", True), ("3.12", False), ("3.13", False)])
def test_no_release_is_asked_for_a_package_that_it_does_not_have(tmp_path: Path, python: str, *, asked: bool) -> None:
    made = Recipe(python, "any", "amd64")
    words = bootstrap.command(made, tmp_path / "sources", tmp_path / "layer", [])
    (included,) = (word for word in words if word.startswith("--include="))
    assert ("python3-distutils" in included) is asked
    assert {"python3", "python3-gdbm"} <= set(made.packages)


def test_another_way_of_slimming_is_another_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = RECIPE.digest
    other = tmp_path / "slim.py"
    other.write_text(bootstrap.SLIM.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "SLIM", other)
    assert before != RECIPE.digest


def test_a_python_that_no_release_has_is_a_problem_that_names_the_setting() -> None:
    with pytest.raises(Problem, match="PYTHON_IMAGE"):
        bootstrap.recipe("3.12", apt.Distribution("debian", "bookworm", "Debian 12"))


def test_without_root_bootstrapping_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Problem, match="needs root"):
        bootstrap.check_tools()


def test_without_mmdebstrap_the_next_step_is_the_engine_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _program: None)
    with pytest.raises(Problem, match=r"\./noxw -s engine installs it"):
        bootstrap.check_tools()


def make_archive(folder: Path) -> Path:
    folder.mkdir()
    layer = folder / "layer.tar"
    with tarfile.open(layer, "w") as tar:
        tar.addfile(tarfile.TarInfo("./etc"))
        status = tarfile.TarInfo(f"./{bootstrap.STATUS}")
        status.size = len(STATUS)
        tar.addfile(status, io.BytesIO(STATUS.encode()))
    return bootstrap.write_archive(RECIPE, layer, folder / "image.tar")


def test_the_same_layer_gives_the_same_image(tmp_path: Path) -> None:
    names = []
    for path in (make_archive(tmp_path / "one"), make_archive(tmp_path / "two")):
        with tarfile.open(path) as tar:
            names.append(tar.getnames())
    assert names[0] == names[1]


def test_a_root_without_a_package_database_is_a_problem(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "layer.tar", "w"):
        pass
    with pytest.raises(Problem, match=r"it has no \./var/lib/dpkg/status"):
        bootstrap.write_archive(RECIPE, tmp_path / "layer.tar", tmp_path / "image.tar")


def test_an_archive_holds_the_layer_it_names_with_labels_and_an_environment(tmp_path: Path) -> None:
    path = make_archive(tmp_path / "one")
    with tarfile.open(path) as tar:
        manifest = json.load(tar.extractfile("manifest.json") or pytest.fail("no manifest"))[0]
        config = json.load(tar.extractfile(manifest["Config"]) or pytest.fail("no configuration"))
        layer = (tar.extractfile(manifest["Layers"][0]) or pytest.fail("no layer")).read()
    assert manifest["RepoTags"] == [RECIPE.reference]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["Labels"].items() >= LABELS.items()
    assert config["config"]["Cmd"] == ["python3"]
    assert config["config"]["Env"][0].startswith("PATH=/usr/local/sbin:/usr/local/bin:")


def test_mmdebstrap_gets_the_machine_s_sources_and_settings() -> None:
    line = bootstrap.command(RECIPE, Path("/t/k.sources"), Path("/t/layer.tar"), ['Acquire::Retries "3";'])
    assert line[-3:] == ["bookworm", "/t/layer.tar", "/t/k.sources"]
    assert '--aptopt=Acquire::Retries "3";' in line


def test_of_the_machine_s_variables_a_bootstrap_sees_only_what_finds_files(tmp_path: Path) -> None:
    ours = {"PATH": "/bin", "HOME": "/root", "https_proxy": "http://p", "NO_PROXY": "x", "APT_CONFIG": "/a"}
    others = {"PYTHONPYCACHEPREFIX": "/checkout/.cache", "PYTHONPATH": "/x", "VIRTUAL_ENV": "/y", "LD_PRELOAD": "z"}
    seen = bootstrap.environment(ours | others, tmp_path)
    assert {name: seen[name] for name in ours} == ours
    assert not others.keys() & seen.keys()
    assert seen["TMPDIR"] == str(tmp_path)
