"""Finds credentials by a file's text or its DER, and names that programs give them; no credential is returned.

Why not detect-secrets: it reads source trees line by line, masks nothing, and is too slow for gigabytes of layers. The
tests compare the two. Why not asn1crypto or cryptography for DER: a dependency for some thirty lines.
"""

import base64
import codecs
import re

# What a path makes of a file, or of an editor's copy: words for a file that nobody owns, and no more than words
NAMED = {
    "git": re.compile(r"(?:.*/)?(?:\.git|[^/]+\.git/HEAD)"),
    "environment": re.compile(
        r"(?i)(?!.*[._-](?:example|sample|template|tmpl|dist)$)"
        r"(?:.*/)?#?(?:\.env(?:[._-].*|rc)?|[^/]+\.env(?:\..*)?|env\.(?:prod|stag|dev|local|secret)\w*)[~#]*"
    ),
    "named like credentials": re.compile(
        r"(?i)(?:.*/)?[#._]*(?:(?:netrc|pypirc|npmrc|git-credentials|dockercfg|pgpass|my\.cnf|pip\.conf|uv\.toml|auth\.toml"
        r"|id_(?:rsa|dsa|ecdsa|ed25519)|vault-token|[a-z_]+_history|viminfo|lesshst|htpasswd|s3cfg|boto|smbcredentials"
        r"|terraform\.tfstate|secrets\.ya?ml|[^/]*credentials[^/]*\.(?:json|toml|tfrc|db))(?:[.~#].*)?"
        r"|[^/]+\.(?:p12|pfx|ppk|jks|keystore)(?:\..*)?)"
        r"|(?:.*/)?\.(?:docker/config\.json|aws/\w+|kube/config|ssh/authorized_keys|m2/settings\.xml)(?:[.~#].*)?"
        r"|(?:/var)?/run/secrets/.*|/var/cache/debconf/passwords\.dat(?:-old)?|.*/gh/hosts\.yml|.*/\.cargo/credentials"
    ),
}
# Where installers write from where a distribution came (PyPA, direct URL data structure, core metadata), and the
# addresses in it that log somebody in: with a password, or with a token in a user's place. Variables are allowed there.
_ORIGIN = re.compile(r"\.(?:dist|egg)-info/(?:METADATA|PKG-INFO|WHEEL|RECORD|requires\.txt|[^/]+\.json)$")
_LOGIN = r"://(?!\$\{[\w-]+\}(?::\$\{[\w-]+\})?@)(?:[^\s/?#@\"'<>]*:[^\s/?#@\"'<>]*|[^\s/?#@:\"'<>]{20,})@"
_LOGIN_IN_TEXT, _LOGIN_IN_BYTES = re.compile(_LOGIN), re.compile(_LOGIN.encode())
# What authors write of a distribution: examples of such addresses, too
_PROSE = re.compile(rb"(?m)\r?\n\r?\n(?s:.*)|^(?:Description|Summary|Keywords|License):.*(?:\n[ \t].*)*")
# PEM (RFC 7468), OpenPGP's (RFC 9580) and SSH2's (RFC 4716): the line that begins it, headers perhaps, and base64.
# Lines may be quoted, commented, indented, or those of a string. Without base64 it is text about keys.
_GAP = rb"(?:\\[nrt]?|b?[\"']|[\s+,#>|*/;(){}\[\]-]){1,80}"
_PEM = re.compile(
    rb"(?:-----BEGIN (?:[A-Z0-9]+ )*(PRIVATE KEY|CERTIFICATE)(?: BLOCK)?-----"
    rb"|---- BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY ----)" + _GAP +
    rb"(?:[A-Za-z][A-Za-z0-9-]{0,40}:[^\n\\]{0,300}(?:\n|\\[nr])" + _GAP.replace(b"{1,80}", b"{0,80}") + rb"){0,9}"
    rb"[A-Za-z0-9+/]{16}"
)  # fmt: skip
_PEM_IN_BASE64 = re.compile(rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,8192}")  # as a kubeconfig has it: "-----BEGIN"
_TEXT_AT_MOST = 1 << 20  # bytes of a text in which tokens are searched: as many as are kept of a file's beginning
_TOLD_BY = 1 << 16  # a zero among so many first bytes means that a file is no text
# How makers mark their tokens, and what follows the mark, as exactly as the makers say.
MARKS = {
    "ghp_": r"\w{36}", "gho_": r"\w{36}", "ghu_": r"\w{36}", "ghs_": r"\w{36}", "ghr_": r"\w{36}",
    "github_pat_": r"\w{22}", "AKIA": r"[A-Z0-9]{16}(?!\w)", "ASIA": r"[A-Z0-9]{16}(?!\w)",
    **{f"gl{kind}-": r"[\w-]{20}" for kind in ("pat", "rt", "dt", "ptt", "ft", "soat", "cbt")},
    "glimt-": r"[\w-]{25}", "glagent-": r"[\w-]{50}", "gloas-": r"[\w-]{64}", "GR1348941": r"[\w-]{20}",
    "AIza": r"[\w-]{35}", "GOCSPX-": r"[\w-]{28}", "ya29.": r"[\w-]{30}",
    "npm_": r"[A-Za-z0-9]{36}", "hf_": r"[A-Za-z0-9]{34}", "nvapi-": r"[\w-]{60}",
    "sk-": r"(?=[\w-]*\d)[\w-]{40}", "pypi-Ag": r"[\w-]{50}",
    **{f"{kind}_{mode}_": r"[A-Za-z0-9]{24}" for kind in ("sk", "rk") for mode in ("live", "test")},
    "dckr_pat_": r"[\w-]{27}", "dckr_oat_": r"[\w-]{27}", "AGE-SECRET-KEY-1": r"[A-Z0-9]{58}",
    **{f"hv{kind}.": r"(?=[\w-]*\d)[\w-]{24}" for kind in "sbr"}, "ATATT3": r"[\w=-]{30}",
    **{f"shp{kind}_": r"[0-9A-Fa-f]{32}" for kind in ("at", "ca", "pa", "ss")},
    **{f"do{kind}_v1_": r"[0-9a-f]{64}" for kind in "opr"},
    **{f"tskey-{kind}-": r"[A-Za-z0-9]{8,30}-[A-Za-z0-9]{20}" for kind in ("auth", "api", "client")},
    **{f"xox{kind}-": r"\d[\w-]{19}" for kind in "abeoprs"}, "sq0csp-": r"[\w-]{43}",
    "xapp-": r"\d-[A-Z0-9]{6,20}-\d{8,20}-[0-9a-f]{20}",
}  # fmt: skip
# Tokens of several parts. Left out are the placeholder in Slack's documents, and three Web Tokens (RFC 7519) that
# jwt.io and PyJWT show as examples.
PARTS = {
    "SG.": r"[\w-]{20,24}\.[\w-]{39}",
    "hooks.slack.com/services/": r"T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/(?!X{20})[A-Za-z0-9]{20}",
    "eyJ": r"[\w-]{10,2000}+\.eyJ(?!zb21lIjoicGF5bG9hZCJ9|zdWIiOiIxMjM0NTY3ODkw|pc3MiOiJodHRwczovL2Rldi04N2V2eDlydS)"
    r"[\w-]{5,4000}+\.[\w-]{20}",
}
_ALL = MARKS | PARTS
# The marks alone, by a rare letter of each: an expression that begins with it searches a gigabyte a second.
_RAREST_FIRST = "J39IGkxqvghm"


def _found_by(mark: str) -> str:
    return next(letter for letter in _RAREST_FIRST if letter in mark)


def _from(letter: str, mark: str) -> str:
    """Return an expression for a mark, behind the first of a letter in it. The text that follows is compared first."""
    after = mark.partition(letter)[2]
    return f"{re.escape(after)}(?<={re.escape(mark)})"


_MARKED = [
    re.compile(f"{letter}(?:{'|'.join(_from(letter, mark) for mark in _ALL if _found_by(mark) == letter)})".encode())
    for letter in sorted({_found_by(mark) for mark in _ALL})
]
# A token begins a word: an escape before it, as in a string's `\n`, is no letter of that word
_TOKEN = re.compile(
    rf"(?=[{''.join(sorted({mark[0] for mark in _ALL}))}])(?<![\w-](?<!\\[nrt])(?<!%[0-9A-F][0-9A-F]))"
    rf"(?:{'|'.join(re.escape(mark) + rest for mark, rest in _ALL.items())})".encode()
)


_UTF = {  # by the byte order mark (the Unicode standard, section 23.8): the longer first, as it begins with a shorter
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
# Keys and certificates in DER have no text, and may have any name: their first bytes decide (ITU-T X.690)
_SEQUENCE, _INTEGER, _OCTETS, _EXPLICIT = 0x30, 0x02, 0x04, 0xA0
_VERSION_0, _VERSION_1, _VERSION_3 = b"\x02\x01\x00", b"\x02\x01\x01", b"\x02\x01\x03"
# pkcs-5 (1.2.840.113549.1.5) and pkcs-12 (1.2.840.113549.1.12.1): encrypted keys name these first (RFC 8018, 7292)
_ENCRYPTION = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c01"))
_ESCAPE = b"\x1b["
_COLOUR = re.compile(rb"\x1b\[[\d;]{0,40}m")  # ECMA-48, SGR


def by_name(path: str) -> list[str]:
    """Return what a path makes of a file."""
    return [kind for kind, pattern in NAMED.items() if pattern.fullmatch(path)]


def tells_origin(path: str) -> bool:
    """Whether an installer writes there from where a distribution came."""
    return _ORIGIN.search(path) is not None


def has_login(path: str, head: bytes) -> bool:
    """Whether a distribution's origin holds an address with a password in it."""
    return tells_origin(path) and _LOGIN_IN_BYTES.search(_PROSE.sub(b"", head)) is not None


def without_logins(text: str) -> str:
    """Return a text without what addresses in it log in with."""
    return _LOGIN_IN_TEXT.sub("://***@", text)


def plain(head: bytes) -> bytes:
    """Return a text in UTF-8 without colours, and anything else as it is.

    A byte order mark, as Windows' programs write it, decides the encoding.
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


def der_kind(head: bytes, size: int) -> str:
    """Return "private key", "certificate" or "" for a file of ``size`` bytes that begins with ``head``.

    One value in DER has to fill the file.
    """
    body = _inside_der(head, size, _SEQUENCE)
    if body is None:
        return ""
    if body.startswith(_VERSION_0):  # RFC 8017 (RSA): an integer follows; RFC 5958 (any): the algorithm
        return "private key" if body[3:4] in (bytes([_INTEGER]), bytes([_SEQUENCE])) else ""
    if body.startswith((_VERSION_1, _VERSION_3)):  # RFC 5915 (elliptic curve); RFC 7292 (PKCS #12)
        follows = _OCTETS if body.startswith(_VERSION_1) else _SEQUENCE
        return "private key" if body[3:4] == bytes([follows]) else ""
    first = _inside_der(body, None, _SEQUENCE)
    if first is None:
        return ""
    if first[:1] == b"\x06" and first[2:].startswith(_ENCRYPTION):
        return "private key"
    inner = _inside_der(first, None, _EXPLICIT)  # RFC 5280: a certificate of version 2 or 3
    return "certificate" if inner is not None and inner.startswith(_INTEGER.to_bytes() + b"\x01") else ""


def _inside_der(data: bytes, size: int | None, tag: int) -> bytes | None:
    """Return what follows tag and length of a value; None for another tag, or a length that is not ``size``."""
    if len(data) < 2 or data[0] != tag:  # noqa: PLR2004 - a tag and a length
        return None
    length, header = data[1], 2
    if length & 0x80:
        header += length & 0x7F
        length = int.from_bytes(data[2:header])
    if header > 6 or (size is not None and header + length != size):  # noqa: PLR2004 - a length of four bytes
        return None
    return data[header:]


def has_token(head: bytes) -> bool:
    """Whether a text holds, in its first megabyte, a token that its maker marks as a token."""
    text = head[:_TEXT_AT_MOST]
    is_text = text.find(b"\0", 0, _TOLD_BY) < 0
    return is_text and any(mark.search(text) for mark in _MARKED) and _TOKEN.search(text) is not None
