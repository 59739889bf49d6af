"""What holds a credential by its path or by its text; never the credential itself."""

import base64
import codecs
import posixpath
import re

_NAMES = {
    ".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".dockercfg", ".pgpass", ".my.cnf", "pip.conf",
    "uv.toml", "auth.conf", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".vault-token", ".bash_history",
    ".zsh_history", ".python_history", ".psql_history", ".mysql_history", ".ash_history", ".node_repl_history",
    ".viminfo", ".lesshst", ".htpasswd", ".s3cfg", ".boto", ".smbcredentials", "terraform.tfstate", "secrets.yml",
    "secrets.yaml",
}  # fmt: skip
_ENDS = (
    "/.docker/config.json", "/.aws/credentials", "/.aws/config", "/uv/uv.toml", "/.kube/config", "/gh/hosts.yml",
    "/gcloud/application_default_credentials.json", "/gcloud/credentials.db", "/gcloud/access_tokens.db",
    "/pypoetry/auth.toml", "/uv/credentials/credentials.toml", "/.cargo/credentials", "/.cargo/credentials.toml",
    "/.m2/settings.xml", "/.terraform.d/credentials.tfrc.json", "/.ssh/authorized_keys",
)  # fmt: skip
# What editors (Emacs, nano, Vim) and people keep of a file beside it, numbered or not
_KEPT = re.compile(r"(?s)(.+?)(?:(?:\.~\d+)?~|#|\.(?:bak|backup|orig|old|new|save)(?:\.?\d+)?|\.\d)")
_SAVED = re.compile(r"(?s)(.*/)#([^/]+)#")  # Emacs, by itself
# Vim puts a dot before the name of what it has open, if there is none
_OPEN = re.compile(r"(?s)(.*/)\.([^/]+)\.sw[a-z]")
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
    "github_pat_": r"\w{22}", "AKIA": r"[A-Z0-9]{16}(?!\w)", "ASIA": r"[A-Z0-9]{16}(?!\w)",
    **{f"gl{kind}-": r"[\w-]{20}" for kind in ("pat", "rt", "dt", "ptt", "ft")},
    "AIza": r"[\w-]{35}", "GOCSPX-": r"[\w-]{28}", "ya29.": r"[\w-]{30}",
    "npm_": r"[A-Za-z0-9]{36}", "hf_": r"[A-Za-z0-9]{34}", "nvapi-": r"[\w-]{60}",
    "sk-": r"(?=[\w-]*\d)[\w-]{40}", "pypi-Ag": r"[\w-]{50}",
    **{f"{kind}_{mode}_": r"[A-Za-z0-9]{24}" for kind in ("sk", "rk") for mode in ("live", "test")},
    "dckr_pat_": r"[\w-]{27}", "dckr_oat_": r"[\w-]{27}", "AGE-SECRET-KEY-1": r"[A-Z0-9]{58}",
    **{f"hv{kind}.": r"(?=[\w-]*\d)[\w-]{24}" for kind in "sbr"}, "ATATT3": r"[\w=-]{30}",
    **{f"shp{kind}_": r"[0-9A-Fa-f]{32}" for kind in ("at", "ca", "pa", "ss")},
    **{f"do{kind}_v1_": r"[0-9a-f]{64}" for kind in "opr"},
    **{f"tskey-{kind}-": r"[A-Za-z0-9]{8,30}-[A-Za-z0-9]{20}" for kind in ("auth", "api", "client")},
    **{f"xox{kind}-": r"\d[\w-]{19}" for kind in "abeprs"}, "xapp-": r"\d-[A-Z0-9]{6,20}-\d{8,20}-[0-9a-f]{20}",
}  # fmt: skip
# Those of several parts. Slack's documents have a place for a webhook's last; of the Web Tokens (RFC 7519) with a
# signature three are what jwt.io and PyJWT show to everybody.
PARTS = {
    "SG.": r"[\w-]{20,24}\.[\w-]{39}",
    "hooks.slack.com/services/": r"T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/(?!X{20})[A-Za-z0-9]{20}",
    "eyJ": r"[\w-]{10,2000}+\.eyJ(?!zb21lIjoicGF5bG9hZCJ9|zdWIiOiIxMjM0NTY3ODkw|pc3MiOiJodHRwczovL2Rldi04N2V2eDlydS)"
    r"[\w-]{5,4000}+\.[\w-]{20}",
}
_ALL = MARKS | PARTS
# The marks alone, by a rare letter of each: an expression that begins with one is found at a gigabyte a second.
_RAREST_FIRST = "J39IGkxvghm"


def _found_by(mark: str) -> str:
    return next(letter for letter in _RAREST_FIRST if letter in mark)


def _from(letter: str, mark: str) -> str:
    """Return what finds a mark behind the first of a letter in it; what follows comes first, it tells most apart."""
    after = mark.partition(letter)[2]
    return f"{re.escape(after)}(?<={re.escape(mark)})"


_MARKED = [
    re.compile(f"{letter}(?:{'|'.join(_from(letter, mark) for mark in _ALL if _found_by(mark) == letter)})".encode())
    for letter in sorted({_found_by(mark) for mark in _ALL})
]
# A token begins a word: what is escaped before it, as in a string's `\n`, is no letter of it
_TOKEN = re.compile(
    rf"(?=[{''.join(sorted({mark[0] for mark in _ALL}))}])(?<![\w-](?<!\\[nrt])(?<!%[0-9A-F][0-9A-F]))"
    rf"(?:{'|'.join(re.escape(mark) + rest for mark, rest in _ALL.items())})".encode()
)


_UTF = {  # by the byte order mark (the Unicode standard, section 23.8): the longer first, one begins with another
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_ESCAPE = b"\x1b["
_COLOUR = re.compile(rb"\x1b\[[\d;]{0,40}m")  # ECMA-48, SGR


def is_named(path: str) -> bool:
    """Whether a program keeps credentials under this path, in capitals or not."""
    path = path.lower()
    return posixpath.basename(path) in _NAMES or path.endswith(_ENDS) or path.startswith(_MOUNTED)


def original(path: str) -> str:
    """Return the path of the file that a path is a copy of, as editors and people make them; itself if it is none."""
    kept, opened, saved = _KEPT.fullmatch(path), _OPEN.fullmatch(path), _SAVED.fullmatch(path)
    if saved is not None:
        return "".join(saved.groups())
    if opened is not None:
        directory, name = opened.groups()
        return f"{directory}{name}" if is_named(f"{directory}{name}") else f"{directory}.{name}"
    return path if kept is None else kept[1]


def plain(head: bytes) -> bytes:
    """Return a text in UTF-8 without what colours it; all that is no text as it is.

    One that begins with a byte order mark, as Windows' programs write it, is in the encoding that this says.
    """
    encoding = next((name for mark, name in _UTF.items() if head.startswith(mark)), None)
    text = head if encoding is None else head.decode(encoding, "replace").encode()
    return _COLOUR.sub(b"", text) if _ESCAPE in text else text


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
