"""Which engine is meant: the docker command's own rules."""

import hashlib
import json
from pathlib import Path

import pytest

from deploy.engine.endpoint import DEFAULT_HOST, Endpoint, Tls, resolve
from deploy.errors import Exit, Problem


def store_context(home: Path, name: str, docker: dict[str, object], *, certificates: tuple[str, ...] = ()) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker" / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": docker}}))
    for certificate in certificates:
        path = home / ".docker" / "contexts" / "tls" / digest / "docker" / f"{certificate}.pem"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_without_settings_it_is_the_default_socket(tmp_path: Path) -> None:
    assert resolve({}, tmp_path) == Endpoint(DEFAULT_HOST, "default")


def test_docker_host_wins_over_a_context(tmp_path: Path) -> None:
    found = resolve({"DOCKER_HOST": "tcp://far:2375", "DOCKER_CONTEXT": "other"}, tmp_path)
    assert found == Endpoint("tcp://far:2375", "DOCKER_HOST")


def test_a_bare_address_is_tcp(tmp_path: Path) -> None:
    assert resolve({"DOCKER_HOST": "far:2375"}, tmp_path).host == "tcp://far:2375"


def test_certificates_of_docker_host_come_from_docker_cert_path(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()
    env = {"DOCKER_HOST": "tcp://far:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    wanted = Tls(tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem", verify=True)
    assert resolve(env, Path("/nowhere")).tls == wanted


def test_docker_context_names_a_stored_context_with_its_certificates(tmp_path: Path) -> None:
    store_context(tmp_path, "far", {"Host": "tcp://far:2376"}, certificates=("ca", "cert", "key"))
    found = resolve({"DOCKER_CONTEXT": "far"}, tmp_path)
    assert (found.host, found.origin) == ("tcp://far:2376", "context far")
    assert found.tls is not None
    assert found.tls.verify
    assert found.tls.key is not None


def test_the_current_context_is_used(tmp_path: Path) -> None:
    store_context(tmp_path, "rootless", {"Host": "unix:///run/user/1000/docker.sock"})
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "rootless"}')
    assert resolve({}, tmp_path) == Endpoint("unix:///run/user/1000/docker.sock", "context rootless")


def test_docker_context_default_is_the_default_socket(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "rootless"}')
    assert resolve({"DOCKER_CONTEXT": "default"}, tmp_path).is_default


def test_docker_config_moves_the_store(tmp_path: Path) -> None:
    store_context(tmp_path, "far", {"Host": "ssh://far"})
    env = {"DOCKER_CONFIG": str(tmp_path / ".docker"), "DOCKER_CONTEXT": "far"}
    assert resolve(env, Path("/nowhere")).host == "ssh://far"


def test_a_context_that_is_not_stored_is_a_problem_of_settings(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="DOCKER_CONTEXT names the context 'gone'") as caught:
        resolve({"DOCKER_CONTEXT": "gone"}, tmp_path)
    assert caught.value.code == Exit.USAGE


def test_a_broken_configuration_is_a_problem_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("{")
    with pytest.raises(Problem, match=r"config\.json"):
        resolve({}, tmp_path)


@pytest.mark.parametrize(
    ("host", "default"),
    [("unix:///var/run/docker.sock", True), ("unix:///run/docker.sock", True), ("tcp://far:2375", False)],
)
def test_only_the_usual_socket_is_where_an_engine_may_be_started(host: str, default: bool) -> None:  # noqa: FBT001
    assert Endpoint(host, "DOCKER_HOST").is_default is default


def test_flags_name_endpoint_and_certificates() -> None:
    tls = Tls(Path("/c/ca.pem"), Path("/c/cert.pem"), None, verify=True)
    flags = Endpoint("tcp://far:2376", "DOCKER_HOST", tls).flags()
    assert flags == [
        *("--host", "tcp://far:2376", "--tlsverify"),
        *("--tlscacert", "/c/ca.pem", "--tlscert", "/c/cert.pem"),
    ]


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("tcp://ada:s3cret@engine:2376", "tcp://ada:•••@engine:2376"),
        ("ssh://ada@engine:22", "ssh://ada@engine:22"),
        ("unix:///run/a:b@c.sock", "unix:///run/a:b@c.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(host: str, shown: str) -> None:
    assert Endpoint(host, "DOCKER_HOST").shown == shown
