"""detect-secrets as a second opinion: whatever it finds by a pattern, we find too, or say here why not.

Tokens are put together here, so that no scanner for secrets takes this file for one that holds a token.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import RegexBasedDetector

from verify.contents.secrets import has_token, pem_kinds
from verify.observe.disclosure import disclosures, masked

LONG = re.compile(r"[0-9A-Za-z+/-]{16,}")  # a token, as far as it has one part


def key(kind: str, dashes: str = "-----", suffix: str = "") -> str:
    label = f"{kind}PRIVATE " + f"KEY{suffix}"
    return f"{dashes}BEGIN {label}{dashes[::-1]}\n{'MIIB' + '0a' * 30}\n{dashes}END {label}{dashes[::-1]}"


def web_token() -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, {"sub": "somebody", "exp": 1_900_000_000})]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "0a" * 16])


# Known by a mark of its maker's, or by a key's first line: in every file of every layer, and in history. AWS'
# first pattern has three more marks, which begin names of keys: without the key such a name is no secret.
MARKED: dict[str, list[str]] = {
    "AWSKeyDetector": ["AKIA" + "0A" * 8, "ASIA" + "0A" * 8],
    "GitHubTokenDetector": [f"gh{kind}_" + "0aB" * 12 for kind in "pousr"],
    "GitLabTokenDetector": [
        *(f"gl{kind}-" + "0a" * 10 for kind in ("pat", "dt", "ft", "rt", "soat", "cbt")), "glptt-" + "0a" * 20,
        "GR1348941" + "0a" * 10, "glimt-" + "0a" * 12 + "b", "glagent-" + "0a" * 25, "gloas-" + "0a" * 32,
    ],
    "JwtTokenDetector": [web_token()],
    "NpmDetector": ["//registry.example/:_authToken=npm_" + "0a" * 18],
    "OpenAIDetector": ["sk-" + "0a" * 10 + "T3BlbkFJ" + "0a" * 10],
    "PrivateKeyDetector": [
        *map(key, ("", "RSA ", "DSA ", "EC ", "OPENSSH ")),
        key("PGP ", suffix=" BLOCK"), key("SSH2 ENCRYPTED ", dashes="---- "),
    ],
    "PypiTokenDetector": [f"pypi-Ag{site}" + "0a" * 40 for site in ("EIcHlwaS5vcmc", "ENdGVzdC5weXBpLm9yZw")],
    "SendGridDetector": ["SG." + "0a" * 11 + "." + "0a" * 21 + "b"],
    "SlackDetector": [
        *(f"xox{kind}-" + "0123456789-" * 2 + "0a" * 12 for kind in "abopsr"),
        "https://hooks.slack.com/services/" + "T0123456789/B0123456789/" + "0a" * 12,
    ],
    "SquareOAuthDetector": ["sq0csp-" + "0a" * 21 + "b"],
    "StripeDetector": [f"{kind}k_live_" + "0a" * 12 for kind in "sr"],
}  # fmt: skip
# Known by the name before it: in history alone. Source code holds such names too, before no secret.
NAMED: dict[str, list[str]] = {
    "AWSKeyDetector": ["AWS_SECRET_ACCESS_KEY='" + "0a" * 20 + "'"],
    "AzureStorageKeyDetector": ["AccountKey=" + "0a" * 43 + "=="],
    "BasicAuthDetector": ["https://somebody:" + "0a" * 10 + "@host.example/x"],
    "CloudantDetector": [
        "cloudant_password=" + "0a" * 32, "cloudant_token=" + "ab" * 12,
        *("https://somebody:" + word + "@one.cloudant.com" for word in ("0a" * 32, "ab" * 12)),
    ],
    "IbmCloudIamDetector": ["IBM_CLOUD_API_KEY=" + "0a" * 22],
    "IbmCosHmacDetector": ["COS_HMAC_SECRET_ACCESS_KEY=" + "0a" * 24],
    "NpmDetector": ["//registry.example/:_authToken=" + "0123abcd-" * 3 + "0a" * 4 + "abcde"],
    "SoftlayerDetector": ["softlayer_api_key=" + "0a" * 32],
}  # fmt: skip
# Plugin, and what its pattern holds ("" for all its patterns) -> why we do not claim to find it.
UNCLAIMED: dict[tuple[str, str], str] = {
    ("ArtifactoryDetector", ""): "the marks AKC and AP are short enough to begin any word in capitals",
    ("DiscordBotTokenDetector", ""): "no mark: one letter of three, and two dots",
    ("IPPublicDetector", ""): "an address is no credential",
    ("MailchimpDetector", ""): "no mark: a digest in hexadecimal, followed by a place",
    ("PrivateKeyDetector", "PuTTY"): "known by the file's name, which ends with .ppk",
    ("SoftlayerDetector", "soap"): "a part of an address's path, which no name tells from others",
    ("TelegramBotTokenDetector", ""): "no mark: a number, a colon, and letters, as in many logs",
    ("TwilioKeyDetector", ""): "the marks AC and SK are short enough to begin any word in capitals",
}


def plugins() -> dict[str, type[RegexBasedDetector]]:
    found: Iterable[type] = get_mapping_from_secret_type_to_class().values()
    return {plugin.__name__: plugin for plugin in found if issubclass(plugin, RegexBasedDetector)}


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for name, plugin in plugins().items():
        for pattern in plugin().denylist:
            yield name, pattern


def flat(examples: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, texts in examples.items() for text in texts]


def assert_hidden(text: str) -> None:
    tokens = LONG.findall(text)
    assert tokens
    assert not [token for token in tokens if token[-8:] in masked("", text)]


@pytest.mark.parametrize(("name", "text"), flat(MARKED))
def test_what_a_maker_marks_is_found_in_files_and_in_history_as_detect_secrets_finds_it(name: str, text: str) -> None:
    assert list(plugins()[name]().analyze_string(text))
    data = f"note = {text}\n".encode()
    assert has_token(data) or pem_kinds(data)
    assert disclosures(text)
    assert_hidden(text)


@pytest.mark.parametrize(("name", "text"), flat(NAMED))
def test_what_a_name_tells_is_found_in_history_as_detect_secrets_finds_it(name: str, text: str) -> None:
    assert list(plugins()[name]().analyze_string(text))
    assert disclosures(text)
    assert_hidden(text)


@pytest.mark.parametrize(("name", "pattern"), patterns())
def test_every_pattern_of_detect_secrets_is_met_or_has_a_reason(name: str, pattern: re.Pattern[str]) -> None:
    met = any(pattern.search(text) for text in (*MARKED.get(name, []), *NAMED.get(name, [])))
    reasons = [why for (plugin, part), why in UNCLAIMED.items() if plugin == name and part in pattern.pattern]
    assert met != bool(reasons)
