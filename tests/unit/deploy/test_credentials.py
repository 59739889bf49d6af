"""What holds a credential is known by its path or by what its text holds, as far as a text is read."""

import base64

import pytest

from deploy.credentials import has_token, is_named, pem_kinds
from verify.disclosure import disclosures

TOKEN = b"ghp_" + b"0a" * 18


@pytest.mark.parametrize(("before", "known"), [(1_048_576 - len(TOKEN), True), (1_048_577 - len(TOKEN), False)])
def test_a_token_is_looked_for_in_the_first_megabyte_as_keys_are(before: int, *, known: bool) -> None:
    assert has_token(b" " * before + TOKEN) is known


def test_a_token_that_is_cut_off_there_is_none() -> None:
    assert not has_token(b" " * 1_048_570 + TOKEN)


@pytest.mark.parametrize(("before", "known"), [(65_535, False), (65_536, True)])
def test_a_zero_within_64_kib_tells_that_it_is_no_text(before: int, *, known: bool) -> None:
    assert has_token(TOKEN + b" " * (before - len(TOKEN)) + b"\0") is known


# Put together here, so that no scanner for secrets takes this file for one that holds a token.
@pytest.mark.parametrize(
    ("mark", "rest"),
    [("xoxb-", "0a" * 20), ("xoxp-", "0a" * 20), ("pypi-Ag", "0a" * 30), ("dckr_pat_", "0a" * 14),
     ("GOCSPX-", "0a" * 14), ("AGE-SECRET-KEY-1", "0A" * 29), ("glpat-", "0a" * 10), ("AKIA", "0A" * 8)],
)  # fmt: skip
def test_one_list_of_marks_serves_files_and_history(mark: str, rest: str) -> None:
    assert has_token(f"note = {mark}{rest}".encode())
    assert disclosures(f"ENV BANNER={mark}{rest}") == [f"token: {mark}…"]


@pytest.mark.parametrize("data", [b"\0" + TOKEN, TOKEN + b"\0", b"no token", b"", b"a ghp_ and no more"])
def test_what_is_no_text_or_has_no_token_has_none(data: bytes) -> None:
    assert not has_token(data)


@pytest.mark.parametrize("path", ["/root/.netrc", "/root/.docker/config.json"])
def test_a_credential_s_file_is_known_by_its_name_or_by_the_end_of_its_path(path: str) -> None:
    assert is_named(path)
    assert not is_named(f"{path}.md")


@pytest.mark.parametrize(("label", "kind"), [("CERTIFICATE", "certificate"), ("EC PRIVATE " + "KEY", "private key")])
def test_what_is_packed_as_base64_is_told_apart_as_well(label: str, kind: str) -> None:
    text = f"-----BEGIN {label}-----\n{'MIIB' * 12}\n".encode()
    assert pem_kinds(text) == pem_kinds(b"data: " + base64.b64encode(text)) == {kind}
