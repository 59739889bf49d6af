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
_TEXT_AT_MOST = 1 << 16  # bytes of a text in which tokens are looked for
# How makers mark their tokens; each is looked for as plain bytes first, which takes a tenth of the expression's time.
_MARKS = (
    b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"AKIA", b"ASIA", b"AIza", b"npm_", b"hf_",
    b"sk-", b"sk_live_",
)  # fmt: skip
_TOKEN = re.compile(
    rb"(?<![\w-])(?:gh[oprsu]_\w{36}|github_pat_\w{22}|glpat-[\w-]{20}|A[KS]IA[A-Z0-9]{16}(?!\w)|AIza[\w-]{35}"
    rb"|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{34}|sk_live_[A-Za-z0-9]{24}|sk-(?=[\w-]*\d)[\w-]{40})"
)


def is_named(path: str) -> bool:
    """Whether a program keeps credentials under this path."""
    return posixpath.basename(path) in _NAMES or path.endswith(_ENDS)


def has_token(head: bytes) -> bool:
    """Whether a text holds, near its beginning, a token that its maker marks as one."""
    text = head[:_TEXT_AT_MOST]
    return b"\0" not in text and any(mark in text for mark in _MARKS) and _TOKEN.search(text) is not None
