"""What holds a credential is known by its path or by what its text holds, as far as a text is read."""

import pytest

from deploy.credentials import has_token, is_named

TOKEN = b"ghp_" + b"0a" * 18


@pytest.mark.parametrize(("before", "known"), [(65_536 - len(TOKEN), True), (65_537 - len(TOKEN), False)])
def test_a_token_is_looked_for_in_the_first_64_kib(before: int, *, known: bool) -> None:
    assert has_token(b" " * before + TOKEN) is known


def test_a_token_that_is_cut_off_there_is_none() -> None:
    assert not has_token(b" " * 65_530 + TOKEN)


@pytest.mark.parametrize("data", [b"\0" + TOKEN, TOKEN + b"\0", b"no token", b"", b"a ghp_ and no more"])
def test_what_is_no_text_or_has_no_token_has_none(data: bytes) -> None:
    assert not has_token(data)


@pytest.mark.parametrize("path", ["/root/.netrc", "/root/.docker/config.json"])
def test_a_credential_s_file_is_known_by_its_name_or_by_the_end_of_its_path(path: str) -> None:
    assert is_named(path)
    assert not is_named(f"{path}.md")
