"""An image's name in a registry is read as the docker command reads it; what is none is refused."""

import pytest

from deploy.errors import Exit, Problem
from deploy.publish.reference import Reference

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "host", "name", "version", "answers_at"),
    [
        ("docker.io/ktrdr:1", "docker.io", "library/ktrdr", "1", "registry-1.docker.io"),
        ("docker.io/someone/ktrdr", "docker.io", "someone/ktrdr", "latest", "registry-1.docker.io"),
        ("registry.example/a/b:1", "registry.example", "a/b", "1", "registry.example"),
        (f"localhost:5000/a@{DIGEST}", "localhost:5000", "a", DIGEST, "localhost:5000"),
        (f"registry.example/a:1@{DIGEST}", "registry.example", "a", DIGEST, "registry.example"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000", "a", "latest", "127.0.0.1:5000"),
        ("[::1]:5000/a", "[::1]:5000", "a", "latest", "[::1]:5000"),
    ],
)
def test_an_image_s_name_is_read_as_the_docker_command_does(
    text: str, host: str, name: str, version: str, answers_at: str
) -> None:
    found = Reference.read(text)
    assert (found.host, found.name, found.version) == (host, name, version)
    assert found.answers_at == answers_at


@pytest.mark.parametrize(
    ("host", "here"), [("localhost:1", True), ("127.8.8.8", True), ("[::1]:5", True), ("a.b", False)]
)
def test_a_registry_of_this_machine_is_known_by_its_name(host: str, *, here: bool) -> None:
    assert Reference.read(f"{host}/a").is_here is here


@pytest.mark.parametrize(
    "text",
    [
        "https://registry.example/a", "registry.example/BAD NAME", "registry.example/a?b=c",
        "registry.example/a@sha256:0", "ktrdr-backend:prod", "someone/ktrdr", "",
    ],
)  # fmt: skip
def test_a_name_that_is_none_or_names_no_registry_is_refused(text: str) -> None:
    with pytest.raises(Problem) as told:
        Reference.read(text)
    assert told.value.code == Exit.USAGE
    assert "registry.example/name:tag" in told.value.next_step


def test_a_password_in_a_name_is_not_shown() -> None:
    with pytest.raises(Problem) as told:
        Reference.read("someone:hunter2@registry.example/a:1")
    assert "hunter2" not in str(told.value)


def test_a_tag_stands_behind_a_colon_and_a_digest_behind_an_at() -> None:
    reference = Reference.read("registry.example/a:1")
    assert (reference.at("2"), reference.at(DIGEST)) == ("registry.example/a:2", f"registry.example/a@{DIGEST}")
