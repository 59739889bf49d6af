"""What an image's configuration and history must not tell, and how it is kept out of what we write about it."""

import re

from deploy.credentials import MARKS

HIDDEN = "•••"
# Where a word of its own ends: a letter of the same case goes on with it (TOKENIZERS)
_ENDS = r"(?-i:(?<=[A-Z])(?![A-Z])|(?<=[a-z])(?![a-z]))"
# An image may hold text of any kind and length: an expression begins once in a run of characters, or looks so far only
_FAR = 200
# A count of tokens is none, and what ends in FILE or PATH holds a path
_NAMED = (
    r"[\w-]*(?:PASSWORD|PASSWD|PASSPHRASE|_PWD\b|_PAT\b|CREDENTIAL"
    r"|(?:(?<![A-Z0-9])|(?:SSH|DB|PG|SQL|USER|ROOT|ADMIN|SMTP|MAIL|FTP))PASS\b"
    rf"|SECRETS?{_ENDS}|SECRET(?:ACCESS)?KEY|TOKEN{_ENDS}|TOKENS{_ENDS}(?!\W{{1,4}}[\d.]+(?!,?[^\s\"',}}\]]))"
    r"|(?:API|ACCESS|PRIVATE|SIGNING|ENCRYPTION)[_-]?KEY)[\w-]*+"
)
_NO_PATH = r"[\w-]++(?<![_-]FILE)(?<![_-]PATH)"
SECRET = re.compile(rf"(?i)(?<![\w-])-*+(?={_NO_PATH}=)({_NAMED})=(\"[^\"]*\"|'[^']*'|\S+)")
MEMBER = re.compile(rf'(?i)"(?={_NO_PATH}"\s*+:)({_NAMED})"\s*:\s*("[^"]*"|[^\s,}}]+)')  # of a JSON object
PROXY = re.compile(r"(?i)\b((?:HTTPS?|FTP|ALL)_PROXY)=(\S+)")
# A password, or over HTTP a user alone, which then is a token; ssh://git@… names an account and no secret
_MORE = r"(?:@[^\s/@?#\"',;<>]+)*"  # of a password that holds an @: what follows the last one is the host
CREDENTIALS = re.compile(rf"\b([a-z][a-z0-9+.-]{{0,40}}+://)([^\s/@:]*:[^\s/@]+{_MORE})@")
TOKEN = re.compile(rf"\b(https?://)([^\s/@:]+{_MORE})@")
HEADER = re.compile(r"(?i)\b(x-[\w-]{0,100}(?:key|token|secret|password))\s*:\s*([^\s\"']+)")  # of HTTP
# A line of YAML and its like. In prose a word that follows `password:` is followed by more; a reference is no secret
FIELD = re.compile(
    r"(?i)(?:(?<=\\n)|(?<![\w\\-]))(?!x-)"
    r"([\w-]*(?:password|passphrase|(?:api|access|private|secret)[_-]?key|(?:api|access|auth)[_-]?token))'?:[ \t]+"
    r"(?!(?:none|null|true|false|yes|no|required|optional|missing|string|[|>$<{].*)(?![\w-]))"
    r"(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"',;}]+)(?=\s*(?:$|[\n\"',;}|&>)\\]))"
)
OPTION = re.compile(
    r"(?i)(authorization:\s*\w+|--(?:password|passwd|token|secret|api-key))(?:[\s=]+|\"[\s,]+)"
    r"(\"[^\"]*\"|'[^']*'|\S+)"
)
CURL = re.compile(
    r"(\bcurl\b(?:(?!\bcurl\b)[^\n|;])*?\s(?:-[a-zA-Z]*u|--user)[\s=]*)"
    rf"(\"[^\":]*:[^\"]+\"|'[^':]*:[^']+'|[^\s:\"']+:\S+|{HIDDEN})"
)
SETTING = re.compile(
    r"\b(UV_[A-Z_]{0,60}INDEX[A-Z_]{0,60}|PIP_(?:EXTRA_)?INDEX_URL|PIP_FIND_LINKS|PIP_CERT|SSL_CERT_FILE"
    r"|REQUESTS_CA_BUNDLE)=(\S+)"
)
# What is a secret by itself, whatever it is called: a private key's text, and tokens that their makers mark as such.
# Each is known once it is hidden, too: what is judged is what was written down.
KEY = re.compile(
    r"(-{4}[- ]BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?[- ]-{4})"
    r"(?:.*?-{4}[- ]END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?[- ]-{4}|.*)",
    re.DOTALL,
)
MARKED = re.compile(rf"\b((?!(?<=-)sk-)(?:{'|'.join(MARKS)}))(?:(?=[\w-]{{0,{_FAR}}}\d)[\w-]{{16,}}|{HIDDEN})")
# Commands that take a secret without saying so in a word. What a shell puts there ("$X") is written elsewhere.
_BETWEEN = r"(?:\s|\\[nrt]|[\"',]){1,20}"
_NAME = rf"[^\s\\\"',]{{1,{_FAR}}}"
_WITHIN = rf"[^\n|;&]{{0,{_FAR}}}?"  # one command, as far as a secret lies from its name
_GIVEN = r"(?![\"']?\$)(\"[^\"]*\"|'[^']*'|[^\s\"',\]\\]+)"
COMMANDS = {
    "sshpass -p": re.compile(rf"(\bsshpass\b{_WITHIN}[\s\"]-p(?:{_BETWEEN})?){_GIVEN}"),
    "login -p": re.compile(
        rf"(\b(?:docker|podman|buildah|nerdctl|helm)\b{_WITHIN}\blogin\b{_WITHIN}[\s\"]-p(?:{_BETWEEN}|=)?){_GIVEN}"
    ),
    "mysql -p": re.compile(rf"(\b(?:mysql|mariadb)[\w-]{{0,40}}+\s(?:{_WITHIN}\s)?[\"']?-p(?=\S)){_GIVEN}"),
    "netrc": re.compile(
        rf"((?:\bmachine{_BETWEEN}{_NAME}|\bdefault){_BETWEEN}"
        rf"(?:(?:login|account){_BETWEEN}{_NAME}{_BETWEEN}){{0,2}}password{_BETWEEN}){_GIVEN}"
    ),
}


def disclosures(text: str) -> list[str]:
    """Return what a text discloses, each by kind and name, never by value."""
    found = [f"secret: {match[1]}" for match in SECRET.finditer(text)]
    found += [f"proxy: {match[1]}" for match in PROXY.finditer(text)]
    found += [f"credential: {match[1]}…" for one in (CREDENTIALS, TOKEN) for match in one.finditer(text)]
    found += [f"secret: {match[1]}" for match in OPTION.finditer(text)]
    found += [f"secret: {match[1]}" for match in MEMBER.finditer(text)]
    found += [f"secret: {match[1]}" for one in (HEADER, FIELD) for match in one.finditer(text)]
    found += ["credential: curl -u" for _ in CURL.finditer(text)]
    found += [f"secret: {name}" for name, one in COMMANDS.items() for _ in one.finditer(text)]
    found += ["a private key"] * bool(KEY.search(text))
    found += [f"token: {match[1]}…" for match in MARKED.finditer(text)]
    return found + [f"host's setting: {match[1]}" for match in SETTING.finditer(text)]


def masked(name: str, value: str) -> str:
    """Return a value, or with an empty name a line of history, with every secret and password in it hidden."""
    if name and (SECRET.search(f"{name}={value}") or PROXY.search(f"{name}={value}")):
        return HIDDEN if value else value
    text = MARKED.sub(rf"\1{HIDDEN}", KEY.sub(rf"\1{HIDDEN}", value))
    text = SECRET.sub(rf"\1={HIDDEN}", text)
    text = PROXY.sub(rf"\1={HIDDEN}", text)
    text = MEMBER.sub(rf'"\1": {HIDDEN}', text)
    text = FIELD.sub(rf"\1: {HIDDEN}", HEADER.sub(rf"\1: {HIDDEN}", text))
    text = CURL.sub(rf"\1{HIDDEN}", text)
    for one in COMMANDS.values():
        text = one.sub(rf"\1{HIDDEN}", text)
    text = OPTION.sub(rf"\1 {HIDDEN}", text)
    text = CREDENTIALS.sub(rf"\1{HIDDEN}:{HIDDEN}@", text)
    return TOKEN.sub(rf"\1{HIDDEN}@", text)
