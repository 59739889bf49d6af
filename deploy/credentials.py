"""What holds a credential by its path or by its text; never the credential itself."""

import base64
import posixpath
import re

_NAMES = {
    ".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".dockercfg", ".pgpass", ".my.cnf", "pip.conf",
    "uv.toml", "auth.conf", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".vault-token", ".bash_history",
    ".zsh_history", ".python_history", ".psql_history", ".mysql_history",
}  # fmt: skip
_ENDS = (
    "/.docker/config.json", "/.aws/credentials", "/.aws/config", "/uv/uv.toml", "/.kube/config", "/gh/hosts.yml",
    "/gcloud/application_default_credentials.json", "/gcloud/credentials.db", "/gcloud/access_tokens.db",
    "/pypoetry/auth.toml", "/uv/credentials/credentials.toml", "/.cargo/credentials", "/.cargo/credentials.toml",
    "/.m2/settings.xml", "/.terraform.d/credentials.tfrc.json",
)  # fmt: skip
_MOUNTED = ("/run/secrets/", "/var/run/secrets/")  # where engines put secrets, none of which is a layer's
# PEM (RFC 7468), OpenPGP's (RFC 9580) and SSH2's (RFC 4716): the line that begins it, headers perhaps, and base64.
# Lines may be quoted, commented, indented, or written as a string's; without base64 it is text about keys.
_GAP = rb"(?:\\[nrt]?|b?[\"']|[\s+,#>|*/;(){}\[\]-]){1,80}"
_PEM = re.compile(
    rb"(?:-----BEGIN (?:[A-Z0-9]+ )*(PRIVATE KEY|CERTIFICATE)(?: BLOCK)?-----"
    rb"|---- BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY ----)" + _GAP +
    rb"(?:[A-Za-z][A-Za-z0-9-]{0,40}:[^\n\\]{0,300}(?:\n|\\[nr])" + _GAP.replace(b"{1,80}", b"{0,80}") + rb"){0,9}"
    rb"[A-Za-z0-9+/]{16}"
)  # fmt: skip
_PEM_IN_BASE64 = re.compile(rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,8192}")  # as a kubeconfig has it: "-----BEGIN"
_TEXT_AT_MOST = 1 << 20  # bytes of a text in which tokens are looked for: all that is kept of a file's beginning
_TOLD_BY = 1 << 16  # bytes in which a zero tells that a file is no text
# How makers mark their tokens, and what follows the mark, as exactly as they say it.
MARKS = {
    "ghp_": r"\w{36}", "gho_": r"\w{36}", "ghu_": r"\w{36}", "ghs_": r"\w{36}", "ghr_": r"\w{36}",
    "github_pat_": r"\w{22}", "glpat-": r"[\w-]{20}", "AKIA": r"[A-Z0-9]{16}(?!\w)", "ASIA": r"[A-Z0-9]{16}(?!\w)",
    "AIza": r"[\w-]{35}", "GOCSPX-": r"[\w-]{28}", "npm_": r"[A-Za-z0-9]{36}", "hf_": r"[A-Za-z0-9]{34}",
    "sk_live_": r"[A-Za-z0-9]{24}", "sk-": r"(?=[\w-]*\d)[\w-]{40}", "pypi-Ag": r"[\w-]{50}",
    "dckr_pat_": r"[\w-]{27}", "dckr_oat_": r"[\w-]{27}", "AGE-SECRET-KEY-1": r"[A-Z0-9]{58}",
    **{f"xox{kind}-": r"\d[\w-]{19}" for kind in "abeprs"},
}  # fmt: skip
# The marks alone, by their first letter: an expression that begins with one letter is found at two gigabytes a second.
_MARKED = [
    re.compile(f"{first}(?:{'|'.join(mark[1:] for mark in MARKS if mark[0] == first)})".encode())
    for first in sorted({mark[0] for mark in MARKS})
]
_TOKEN = re.compile(rf"(?<![\w-])(?:{'|'.join(mark + rest for mark, rest in MARKS.items())})".encode())


def is_named(path: str) -> bool:
    """Whether a program keeps credentials under this path."""
    return posixpath.basename(path) in _NAMES or path.endswith(_ENDS) or path.startswith(_MOUNTED)


def pem_kinds(head: bytes) -> set[str]:
    """Return "private key" and "certificate" for each that a file's beginning holds as PEM, or as base64 of it."""
    found = {match[1] for match in _PEM.finditer(head)}
    for match in _PEM_IN_BASE64.finditer(head):
        whole = match[0][: len(match[0]) // 4 * 4]
        found |= {inner[1] for inner in _PEM.finditer(base64.b64decode(whole))}
    return {"certificate" if kind == b"CERTIFICATE" else "private key" for kind in found}


def has_token(head: bytes) -> bool:
    """Whether a text holds, in its first megabyte, a token that its maker marks as one."""
    text = head[:_TEXT_AT_MOST]
    is_text = text.find(b"\0", 0, _TOLD_BY) < 0
    return is_text and any(one.search(text) for one in _MARKED) and _TOKEN.search(text) is not None
