"""What the host is configured with reaches the build as secrets and contexts, and shows up nowhere."""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import uv
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deploy.build import host_settings
from deploy.build.host_settings import Settings, find_links, find_wheel, uv_assignments
from deploy.errors import Problem

WHEEL = "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    path = tmp_path / "wheels"
    path.mkdir()
    (path / WHEEL).write_bytes(b"wheel")
    return path


def read(tmp_path: Path, **environ: str) -> Settings:
    """The settings of a host with this environment, and with no other configuration of pip's than it names."""
    return host_settings.host_settings(
        "2.13.0", tmp_path / "cache", {"HOME": str(tmp_path / "home"), "PIP_CONFIG_FILE": "/dev/null", **environ}
    )


def in_a_shell(assignments: str, name: str) -> str:
    """The value that a real sh gives a variable after reading the assignments, as sync.sh does."""
    script = f'set -eu -a\n{assignments}set +a\nprintf %s "${name}"'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=20).stdout


def test_a_host_without_settings_gives_the_build_uv_and_nothing_else(cache: Path, tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found == Settings({}, {"uv": str(cache / "uv-binary")}, [], {}, None, ())


def test_uv_reaches_the_build_as_the_locked_binary_alone(cache: Path, tmp_path: Path) -> None:
    (cache / "uv-binary").mkdir(parents=True)
    (cache / "uv-binary" / "old").touch()
    directory = Path(read(tmp_path).contexts["uv"])
    assert [path.name for path in directory.iterdir()] == ["uv"]
    assert (directory / "uv").read_bytes() == Path(uv.find_uv_bin()).read_bytes()


@pytest.mark.usefixtures("cache")
def test_a_certificate_bundle_goes_in_as_a_secret(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    assert read(tmp_path, SSL_CERT_FILE=str(bundle)).secrets == [f"id=certificates,src={bundle}"]


@pytest.mark.usefixtures("cache")
def test_a_certificate_bundle_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        read(tmp_path, SSL_CERT_FILE=str(tmp_path / "gone.pem"))
    assert caught.value.wrong == f"SSL_CERT_FILE={tmp_path}/gone.pem: no such file"
    assert caught.value.next_step == "correct or unset it"


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_is_a_predefined_build_argument_however_it_is_spelt(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, **{name: "http://proxy:1"}).build_args == {"HTTPS_PROXY": "http://proxy:1"}


@pytest.mark.usefixtures("cache")
def test_uv_s_sources_go_in_as_a_secret_from_the_client_s_environment(tmp_path: Path) -> None:
    found = read(tmp_path, UV_DEFAULT_INDEX="https://mirror/simple")
    assert found.secrets == ["id=uv-settings,env=KTRDR_UV_SETTINGS"]
    assert found.environment == {"KTRDR_UV_SETTINGS": "UV_DEFAULT_INDEX=https://mirror/simple\n"}
    assert found.build_args == {}


def test_credentials_of_named_indexes_go_with_uv_s_sources() -> None:
    environ = {"UV_INDEX_INTERNAL_USERNAME": "me", "UV_INDEX_INTERNAL_PASSWORD": "x y"}
    assert uv_assignments(environ) == "UV_INDEX_INTERNAL_USERNAME=me\nUV_INDEX_INTERNAL_PASSWORD='x y'\n"


@pytest.mark.parametrize("name", ["UV_CACHE_DIR", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_LINK_MODE", "PATH"])
def test_settings_that_are_the_dockerfile_s_business_stay_outside(name: str) -> None:
    assert uv_assignments({name: "x"}) == ""


def test_empty_settings_are_none() -> None:
    assert uv_assignments({"UV_INDEX": "", "UV_INDEX_X_PASSWORD": ""}) == ""


@pytest.mark.parametrize("value", ["a b", "it's", '"$HOME" `id` $(id)', "a\nb=c", "#x;y&z|", "\\", "ünï"])
def test_a_real_shell_reads_the_assignments_back_unchanged(value: str) -> None:
    assert in_a_shell(uv_assignments({"UV_INDEX": value}), "UV_INDEX") == value


@hypothesis_settings(deadline=None, max_examples=50)
@given(value=st.text(min_size=1, max_size=30))
def test_an_assignment_is_one_word_to_a_shell_whatever_its_value(value: str) -> None:
    assert shlex.split(uv_assignments({"UV_INDEX": value})) == [f"UV_INDEX={value}"]


def redacted(tmp_path: Path, text: str, environ: Mapping[str, str]) -> str:
    return read(tmp_path, **environ).redact(text)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("environ", "text", "secret"),
    [
        ({"HTTPS_PROXY": "http://me:word@proxy:3128"}, "via http://me:word@proxy:3128 now", "proxy"),
        ({"UV_DEFAULT_INDEX": "https://mirror.corp/simple"}, "GET https://mirror.corp/simple/torch/", "mirror.corp"),
        ({"UV_DEFAULT_INDEX": "https://me:word@mirror.corp/simple"}, "password: word", "word: word"),
        ({"UV_DEFAULT_INDEX": "https://me:word@mirror.corp/simple"}, "GET https://mirror.corp/simple/x", "mirror.corp"),
        ({"UV_EXTRA_INDEX_URL": "https://a.corp/x https://b.corp/y"}, "at https://b.corp/y/torch", "b.corp"),
        ({"UV_INDEX": "internal=https://mirror.corp/simple"}, "GET https://mirror.corp/simple/torch/", "mirror.corp"),
        ({"UV_INDEX": "internal=https://me:word@mirror.corp/simple"}, "no access with word", "with word"),
        ({"UV_INDEX_INTERNAL_PASSWORD": "s3cret"}, "401 for s3cret", "s3cret"),
        ({"UV_INDEX_INTERNAL_USERNAME": "t0ken"}, "401 for t0ken", "t0ken"),
        ({"HTTPS_PROXY": "me:word@proxy:3128"}, "407 for word", "for word"),
        ({"HTTPS_PROXY": "http://a:3128", "https_proxy": "http://me:word@b:3128"}, "407 for word", "for word"),
        ({"all_proxy": "socks5://me:word@b:3128"}, "407 for word", "for word"),
    ],
    ids=["proxy", "index", "password", "index without its credentials", "second index", "named index",
         "named index's password", "password of its own", "name that is a token", "proxy without a scheme",
         "proxy in small letters beside one in capitals", "proxy in small letters"],
)  # fmt: skip
def test_what_must_not_be_shown_is_not(tmp_path: Path, environ: dict[str, str], text: str, secret: str) -> None:
    shown = redacted(tmp_path, text, environ)
    assert "•••" in shown
    assert secret not in shown


@pytest.mark.usefixtures("cache")
def test_what_is_no_secret_is_shown(tmp_path: Path) -> None:
    text = "Resolved 16 packages in 3 s, host localhost"
    assert redacted(tmp_path, text, {"NO_PROXY": "localhost", "UV_HTTP_TIMEOUT": "3", "HTTP_PROXY": ""}) == text


@pytest.mark.usefixtures("cache")
def test_the_name_of_a_named_index_is_shown_where_its_password_is_the_secret(tmp_path: Path) -> None:
    environ = {"UV_INDEX_X_USERNAME": "reader", "UV_INDEX_X_PASSWORD": "word"}
    assert redacted(tmp_path, "401 for reader by word", environ) == "401 for reader by •••"


@pytest.mark.usefixtures("cache")
def test_where_one_secret_is_part_of_another_no_part_is_left(tmp_path: Path) -> None:
    environ = {"HTTP_PROXY": "http://proxy", "HTTPS_PROXY": "http://proxy:3128"}
    assert redacted(tmp_path, "at http://proxy:3128!", environ) == "at •••!"


def test_directories_to_find_wheels_in_come_from_the_environment_first(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nfind-links =\n    /from/config\n    https://web/page\n", encoding="utf-8")
    found = find_links({"PIP_FIND_LINKS": "/from/env file:///as/address http://web/page"}, [config])
    assert found == [Path("/from/env"), Path("/as/address"), Path("/from/config")]


@pytest.mark.parametrize("place", ["PIP_CONFIG_FILE", "XDG_CONFIG_HOME", "HOME", "HOME, old"])
def test_pip_s_configuration_is_read_where_pip_reads_it(tmp_path: Path, place: str) -> None:
    inside = {"XDG_CONFIG_HOME": "pip/pip.conf", "HOME": ".config/pip/pip.conf", "HOME, old": ".pip/pip.conf"}
    file = tmp_path / inside.get(place, "own.conf")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[global]\nfind-links = /wheels\n", encoding="utf-8")
    value = str(file) if place == "PIP_CONFIG_FILE" else str(tmp_path)
    assert Path("/wheels") in find_links({"HOME": "/nowhere", place.partition(",")[0]: value})


@pytest.mark.parametrize("data", [b"\xff\xfe", b"no section", b"[global]\n[global]\n", b"[install]\nx = 1\n"])
def test_a_broken_configuration_of_pip_s_is_left_to_pip(tmp_path: Path, data: bytes) -> None:
    config = tmp_path / "pip.conf"
    config.write_bytes(data)
    assert find_links({}, [config, tmp_path / "absent", tmp_path]) == []


def test_the_wheel_is_the_cpu_build_of_the_locked_version_for_the_images_platform(tmp_path: Path) -> None:
    for name in (
        "torch-2.13.0+cu130-cp311-cp311-manylinux_2_28_x86_64.whl", "torch-2.13.0+cpu-cp312-cp312-linux_x86_64.whl",
        "torch-2.13.0+cpu-cp311-cp311-linux_aarch64.whl", "torch-2.12.0+cpu-cp311-cp311-linux_x86_64.whl",
        "torch-2.13.0-cp311-cp311-linux_x86_64.whl", "torchvision-2.13.0+cpu-cp311-cp311-linux_x86_64.whl",
    ):  # fmt: skip
        (tmp_path / name).touch()
    assert find_wheel("2.13.0", [tmp_path]) is None
    (tmp_path / WHEEL).touch()
    assert find_wheel("2.13.0", [tmp_path / "absent", tmp_path]) == tmp_path / WHEEL


def test_the_host_s_torch_wheel_reaches_the_build_as_a_context_that_holds_it_alone(
    cache: Path, wheels: Path, tmp_path: Path
) -> None:
    (wheels / "other-1.0-py3-none-any.whl").touch()
    found = read(tmp_path, PIP_FIND_LINKS=str(wheels))
    assert found.torch_wheel == WHEEL
    assert found.contexts["torch-wheels"] == str(cache / "torch-wheels")
    assert [path.name for path in (cache / "torch-wheels").iterdir()] == [WHEEL]


def test_a_wheel_that_changed_replaces_the_one_laid_out_before(cache: Path, wheels: Path, tmp_path: Path) -> None:
    read(tmp_path, PIP_FIND_LINKS=str(wheels))
    (wheels / WHEEL).unlink()
    (wheels / WHEEL).write_bytes(b"another wheel")
    read(tmp_path, PIP_FIND_LINKS=str(wheels))
    assert (cache / "torch-wheels" / WHEEL).read_bytes() == b"another wheel"
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://ada:s3cr%2Fet@proxy:3128", "password s3cr/et"),
        ("http://ada:s3cr%2Fet@proxy:3128", "password s3cr%2Fet"),
        ("http://ada:s3cr%2Fet@proxy:3128", "Proxy-Authorization: Basic YWRhOnMzY3IvZXQ="),
        ("https://t0ken-of-ours@index.example/simple", "token t0ken-of-ours"),
    ],
)
def test_a_credential_is_hidden_as_written_as_meant_and_as_sent(address: str, shown: str) -> None:
    hidden = host_settings.address_forms(address)
    assert "•••" in host_settings.Settings({}, {}, [], {}, None, tuple(hidden)).redact(shown)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ["KTRDR_CACHE_FROM", "KTRDR_CACHE_TO"])
def test_the_credentials_of_a_layer_cache_are_hidden_and_its_address_is_not(tmp_path: Path, name: str) -> None:
    address = "type=s3,region=north,mode=max,access_key_id=me-1,secret_access_key=pa/ss=,session_token=tok-2"
    shown = read(tmp_path, **{name: address}).redact(f"error: {address}")
    said = "type=s3,region=north,mode=max,access_key_id=•••,secret_access_key=•••,session_token=•••"
    assert shown == f"error: {said}"
