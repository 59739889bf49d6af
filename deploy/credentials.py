"""What holds a credential by its path or by its text; never the credential itself."""

import posixpath
import re

_NAMES = {
    ".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".dockercfg", ".pgpass", ".my.cnf", "pip.conf",
    "uv.toml", "auth.conf", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519",
}  # fmt: skip
_ENDS = (
    "/.docker/config.json", "/.aws/credentials", "/.aws/config", "/uv/uv.toml", "/.kube/config", "/gh/hosts.yml",
)  # fmt: skip
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
# Each is looked for as plain bytes first, which takes a tenth of the expression's time.
_PLAIN = tuple(mark.encode() for mark in MARKS)
_TOKEN = re.compile(rf"(?<![\w-])(?:{'|'.join(mark + rest for mark, rest in MARKS.items())})".encode())


def is_named(path: str) -> bool:
    """Whether a program keeps credentials under this path."""
    return posixpath.basename(path) in _NAMES or path.endswith(_ENDS)


def has_token(head: bytes) -> bool:
    """Whether a text holds, in its first megabyte, a token that its maker marks as one."""
    text = head[:_TEXT_AT_MOST]
    is_text = text.find(b"\0", 0, _TOLD_BY) < 0
    return is_text and any(mark in text for mark in _PLAIN) and _TOKEN.search(text) is not None
