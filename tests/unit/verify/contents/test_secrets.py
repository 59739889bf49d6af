"""What holds a credential is known by its path or by what its text holds, as far as a text is read."""

import base64

import pytest

from verify.contents.secrets import MARKS, PARTS, has_token, pem_kinds, plain
from verify.observe.disclosure import disclosures

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
     ("GOCSPX-", "0a" * 14), ("AGE-SECRET-KEY-1", "0A" * 29), ("glpat-", "0a" * 10), ("AKIA", "0A" * 8),
     ("ghp_", "0a" * 18), ("gho_", "0a" * 18), ("ghu_", "0a" * 18), ("ghs_", "0a" * 18), ("ghr_", "0a" * 18),
     ("github_pat_", "0a" * 11), ("ASIA", "0A" * 8), ("AIza", "0a" * 18), ("npm_", "0a" * 18), ("hf_", "0a" * 17),
     ("glrt-", "0a" * 10), ("gldt-", "0a" * 10), ("glptt-", "0a" * 10), ("glft-", "0a" * 10), ("glsoat-", "0a" * 10),
     ("glcbt-", "0a" * 10), ("glimt-", "0a" * 12 + "b"), ("glagent-", "0a" * 25), ("gloas-", "0a" * 32),
     ("GR1348941", "0a" * 10), ("sq0csp-", "0a" * 21 + "b"), ("xoxo-", "0a" * 20), ("hvs.", "0a" * 12),
     ("hvb.", "0a" * 12), ("hvr.", "0a" * 12), ("sk-", "0a" * 20), ("sk_live_", "0a" * 12), ("sk_test_", "0a" * 12),
     ("rk_live_", "0a" * 12), ("rk_test_", "0a" * 12), ("shpat_", "0a" * 16), ("shpca_", "0a" * 16),
     ("shppa_", "0a" * 16), ("shpss_", "0a" * 16), ("dop_v1_", "0a" * 32), ("doo_v1_", "0a" * 32),
     ("dor_v1_", "0a" * 32), ("nvapi-", "0a" * 30), ("ya29.", "0a" * 15), ("dckr_oat_", "0a" * 14),
     ("xapp-", "1-A0123456-01234567-" + "0a" * 10), ("ATATT3", "0a" * 15), ("tskey-auth-", "0a" * 4 + "-" + "0a" * 10),
     ("tskey-api-", "0a" * 4 + "-" + "0a" * 10), ("tskey-client-", "0a" * 4 + "-" + "0a" * 10),
     ("SG.", "0a" * 10 + "." + "0a" * 20), ("hooks.slack.com/services/", "T0123456789/B0123456789/" + "0a" * 10),
     ("eyJ", "0a" * 5 + ".eyJ" + "0aa0a" + "." + "0a" * 10)],
)  # fmt: skip
def test_one_list_of_marks_serves_files_and_history(mark: str, rest: str) -> None:
    assert has_token(f"note = {mark}{rest}".encode())
    assert disclosures(f"ENV BANNER={mark}{rest}") == [f"token: {mark}…"]


def test_each_mark_is_looked_for_by_a_letter_of_its_own() -> None:
    marks = [*MARKS, *PARTS]
    assert len(marks) == len({*marks})
    assert all(one.isascii() for one in marks)


@pytest.mark.parametrize("before", [b"", b" ", b"=", rb"\n", rb"\r", rb"\t", b"%3D", b"%0A", b"/"])
def test_a_token_begins_a_word_behind_what_is_escaped_too(before: bytes) -> None:
    assert has_token(b"x" + before * 2 + TOKEN) is bool(before)


@pytest.mark.parametrize("before", [b"n", b"_", b"-", rb"\x", b"%D", b"%3g", b"3D"])
def test_what_goes_on_a_word_is_no_token(before: bytes) -> None:
    assert not has_token(before + TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        b"eyJ" + b"0a" * 9 + b".eyJ" + b"0a" * 9 + b".",
        b"eyJ" + b"0a" * 9 + b".eyJzb21lIjoicGF5bG9hZCJ9." + b"0a" * 20,
        b"eyJ" + b"0a" * 9 + b".eyJzdWIiOiIxMjM0NTY3ODkwIiwi." + b"0a" * 20,
        b"hooks.slack.com/services/T00000000/B00000000/" + b"X" * 24,
        b"hvs." + b"abcdefgh" * 4,
        b"SGx" + b"0a" * 10 + b"." + b"0a" * 20,
    ],
    ids=["no signature", "PyJWT's", "jwt.io's", "a place for one", "a word", "another mark"],
)
def test_what_is_only_written_like_a_token_is_none(text: bytes) -> None:
    assert not has_token(text)


@pytest.mark.parametrize("data", [b"\0" + TOKEN, TOKEN + b"\0", b"no token", b"", b"a ghp_ and no more"])
def test_what_is_no_text_or_has_no_token_has_none(data: bytes) -> None:
    assert not has_token(data)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_text_with_a_byte_order_mark_is_read_as_what_it_says(encoding: str) -> None:
    written = "\ufeffnote = é, ".encode(encoding) + TOKEN.decode().encode(encoding)
    assert plain(written).decode() == "note = é, " + TOKEN.decode()
    assert plain(written + b"\0").startswith(b"note")  # cut off


def test_a_text_is_read_without_what_colours_it() -> None:
    assert plain(b"\x1b[1;32m" + TOKEN + b"\x1b[0m done") == TOKEN + b" done"
    assert has_token(plain(b"\x1b[32m" + TOKEN + b"\x1b[0m"))


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"note", b"\x1b[2K", b"\x1b[" + b"1" * 41 + b"m", b"\xef\xbb\xbfnote", b"\0\xff\xfe"]
)
def test_all_else_stays_as_it_is(data: bytes) -> None:
    assert plain(data) == data


@pytest.mark.parametrize(("label", "kind"), [("CERTIFICATE", "certificate"), ("EC PRIVATE " + "KEY", "private key")])
def test_what_is_packed_as_base64_is_told_apart_as_well(label: str, kind: str) -> None:
    text = f"-----BEGIN {label}-----\n{'MIIB' * 12}\n".encode()
    assert pem_kinds(text) == pem_kinds(b"data: " + base64.b64encode(text)) == {kind}
