"""Where the words of an image's commands, its PATH and its start-up files lead to is read from the layers."""

from collections.abc import Iterable

import pytest

from tests.support.archives import SITE, Member, archive, chunks, config, diff_id, distribution, file, layer, symlink
from verify.contents.archive import read_layers
from verify.contents.inventory import inventory
from verify.contents.model import Contents

BASE = [file("usr/bin/python3.11"), symlink("usr/bin/python3", "python3.11"), file("bin/sh")]
PATH = "/opt/venv/bin:/usr/bin"


def contents(*members: Iterable[Member], words: Iterable[str] = (), path: str = PATH) -> Contents:
    """The contents of an image with these layers above the base's, whose commands have these words."""
    layers = [layer(*BASE), *(layer(*one) for one in members)]
    image = config(map(diff_id, layers), path, working_directory="/srv", command=tuple(words))
    return inventory(read_layers(chunks(archive(layers))), image)


def named(found: Contents) -> list[tuple[str, str, int]]:
    return [(one.word, one.path, one.layer) for one in found.named]


def test_every_python_on_path_is_told_by_its_name() -> None:
    found = contents([symlink("opt/venv/bin/python", "/usr/bin/python3"), file("opt/venv/bin/python3")])
    assert named(found) == [
        ("python", "/usr/bin/python3.11", 0), ("python3", "/opt/venv/bin/python3", 1),
        ("python3", "/usr/bin/python3.11", 0), ("python3.11", "/usr/bin/python3.11", 0),
    ]  # fmt: skip


def test_what_no_command_names_is_told_only_if_it_is_a_python_on_path() -> None:
    assert named(contents([file("opt/venv/bin/tool"), file("opt/other/python3")], path="/opt/venv/bin")) == []


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("serve", "/opt/venv/bin/serve"),
        ("run", "/srv/run"),
        ("./run", "/srv/run"),
        ("../opt/x", "/opt/x"),
        ("/opt/link", "/opt/x"),
        ("/bin/sh", "/bin/sh"),
    ],
)
def test_a_word_leads_to_a_file_by_path_on_path_or_from_where_processes_start(word: str, path: str) -> None:
    members = [file("opt/venv/bin/serve"), file("srv/run"), file("opt/x"), symlink("opt/link", "x")]
    assert [one.path for one in contents(members, words=[word]).named if one.word == word] == [path]


def test_a_word_that_leads_to_a_directory_or_nowhere_names_nothing() -> None:
    found = contents([file("opt/dir/x")], words=["/opt/dir", "none", "x", "opt/dir/x"], path="/opt/venv/bin")
    assert named(found) == []


def test_a_program_of_a_distribution_is_told_with_its_owner() -> None:
    members = distribution("uvicorn", "0.1", file("opt/venv/bin/uvicorn", 30))
    assert [(one.word, one.distribution) for one in contents(members, words=["uvicorn"]).named][-1] == (
        "uvicorn", "uvicorn",
    )  # fmt: skip


def test_where_the_lines_of_a_start_up_file_lead_is_told_with_links_followed() -> None:
    text = "# a comment\n\nimport sys\nimport\tos\n/data/plugins \n../extra\n/opt/link\n"
    found = contents([file(f"{SITE}/one.pth", text), symlink("opt/link", "/data")])
    (hook,) = found.hooks
    assert hook.leads == ["/data/plugins", f"/{SITE.rpartition('/')[0]}/extra", "/data"]


def test_where_a_directory_of_path_leads_is_told() -> None:
    found = contents([symlink("opt/link", "/home/me/bin")], path="/usr/bin:/opt/link")
    assert [one.path for one in found.search] == ["/usr/bin", "/home/me/bin"]
