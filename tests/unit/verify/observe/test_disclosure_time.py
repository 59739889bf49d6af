"""Labels and history are looked through in a time that is in proportion to them, whatever they hold."""

import time

import pytest

from verify.observe.disclosure import disclosures, masked


@pytest.mark.parametrize("end", ["", "=", "_FILE=x"])
@pytest.mark.parametrize(
    "words",
    [
        "docker login ", "mysql -x ", "mysql-", "sshpass ", "machine a login b ", "machine \",'", "TOKENS", "a-",
        "a.", "a:", "PASSWORD-", "PASSWORD", "_FILE-PASSWORD", "x-", "x-key-", "curl ", "curl -u ", "xoxb-", "sk-",
        "a://a:b@", "UV_INDEX", "password: x y ", "password:\\n", "--token '", "-----BEGIN A ", "a_PW-", '"a_PW-',
        "ACCOUNTKEY", "_AUTH=a:", "_AUTHa", ";Pwd=", "private-token:", "-eyJ", "-eyJaaaaaaaaaa.eyJaaaaa", "SG.-",
        "hooks.slack.com/services/T", "--passphrase '", "-passin pass:", "echo a:", "chpasswd <<< a:", "aws set ",
        "twine -p ", "redis-cli -a '", "ldapsearch -w ", "zip -P ", "htpasswd -b x ", "vault login -a ",
        "vault login 1 ", "--from-literal a=", "smbclient -U a%", "&sig=", "--proxy http://", "--proxy a.",
        "curl -x ", "curl -xx", "pip ", "git http.a.proxy ", "npm set ", "pip -i ", "pip set a.",
        "Acquire::http::a::", 'Acquire::http::Proxy "', "--index-url https://a.b.c.", "tskey-auth-",
    ],
)  # fmt: skip
def test_a_text_of_any_length_is_looked_through_in_no_time(words: str, end: str) -> None:
    began = time.process_time()
    text = words * (20_000 // len(words)) + end
    disclosures(text)
    masked("", text)
    assert time.process_time() - began < 5  # seconds; a tenth of one, and without bounds a minute and more


@pytest.mark.parametrize("text", ["a_PW-" * 20_000 + "=", '"' + "a_PW-" * 20_000 + '": }'], ids=["=", ":"])
def test_a_long_name_without_a_value_is_looked_through_in_no_time(text: str) -> None:
    began = time.process_time()
    assert disclosures(text) == []
    assert time.process_time() - began < 10  # seconds; half of one, and half a minute where each word begins anew


@pytest.mark.parametrize(("letters", "known"), [(200, True), (201, False)])
def test_a_digit_that_tells_a_token_from_a_word_is_looked_for_200_letters_far(letters: int, *, known: bool) -> None:
    assert bool(disclosures("ghp_" + "a" * letters + "0")) is known
