"""Secrets and private addresses in an image's configuration and history: found and masked by one table of rules."""

import re
from dataclasses import dataclass

from verify.contents.secrets import MARKS, PARTS

HIDDEN = "•••"
# Where a word of its own ends: a letter of the same case goes on with it (TOKENIZERS)
_ENDS = r"(?-i:(?<=[A-Z])(?![A-Z])|(?<=[a-z])(?![a-z]))"
# An image may hold text of any kind and length: an expression begins once in a run of characters, or looks so far only
_FAR = 200
# A count of tokens is none, and PWD is a password in a connection string alone; what ends in AUTH may be a word that
# says how
_NAMED = (
    r"[\w-]*(?:PASSWORD|PASSWD|PASSPHRASE|_PWD\b|_PW\b|(?<=[;=])PWD\b|_PAT\b|CREDENTIAL"
    r"|(?:(?<![A-Z0-9])|(?:SSH|DB|PG|SQL|USER|ROOT|ADMIN|SMTP|MAIL|FTP))PASS\b"
    rf"|SECRETS?{_ENDS}|SECRET(?:ACCESS)?KEY|TOKEN{_ENDS}|TOKENS{_ENDS}(?!\W{{1,4}}[\d.]+(?!,?[^\s\"',}}\]]))"
    rf"|_AUTH\b(?==[\"']?(?:{HIDDEN}|(?!\w{{1,20}}://)[^\s\"':]{{1,{_FAR}}}:[^\s\"']|(?=\w{{0,{_FAR}}}\d)[\w+=]{{12}}))"
    r"|(?:API|ACCESS|ACCOUNT|LICENSE|MASTER|STORAGE|PRIVATE|SIGNING|ENCRYPTION)[_-]?KEY)[\w-]*+"
)
# What a name that ends so holds is about a secret: where it lies, what it is called, how long it is or lasts
_ABOUT = (
    "FILE", "PATH", "DIR", "DIRECTORY", "URL", "URI", "NAME", "LENGTH", "SIZE", "COUNT", "LIMIT", "TTL", "SECONDS",
    "MINUTES", "HOURS", "DAYS", "ALGORITHM", "TYPE", "POLICY", "ISSUER", "AUDIENCE",
)  # fmt: skip
_NO_PATH = r"[\w-]++" + "".join(rf"(?<![_-]{word})" for word in _ABOUT)
_NO_REFERENCE = r"(?![\"']?\$[({A-Za-z_])"  # a shell's reference is no secret
SECRET = re.compile(rf"(?i)(?<![\w-])-*+(?={_NO_PATH}=\S)({_NAMED})={_NO_REFERENCE}(\"[^\"]*\"|'[^']*'|\S+)")
MEMBER = re.compile(rf'(?i)"(?={_NO_PATH}"\s*+:\s*+[^\s,}}])({_NAMED})"\s*:\s*("[^"]*"|[^\s,}}]+)')  # of a JSON object
# NO_PROXY reveals the host's network, too, unless it names the machine itself alone
_ITSELF = r"(?:localhost|127\.[\d./]+|\[?::1\]?)"
PROXY = re.compile(
    r"(?i)(?<![\w-])((?:\w{1,60}_)?(?:(?:HTTPS?|FTP|ALL|RSYNC|SOCKS[45]?|PIP)_|npm_config_)PROXY"
    rf"|(?:\w{{1,60}}_)?NO_PROXY(?!=[\"']?{_ITSELF}(?:,{_ITSELF})*(?:[\s\"']|$)))=(\S+)"
)
# A password, or over HTTP a user alone, which then is a token; ssh://git@… names an account and no secret
_MORE = r"(?:@[^\s/@?#\"',;<>]+)*"  # of a password that holds an @: what follows the last one is the host
CREDENTIALS = re.compile(rf"\b([a-z][a-z0-9+.-]{{0,40}}+://)([^\s/@:]*:[^\s/@]+{_MORE})@")
TOKEN = re.compile(rf"\b(https?://)([^\s/@:]+{_MORE})@")
HEADER = re.compile(  # of HTTP
    r"(?i)\b(x-[\w-]{0,100}(?:key|token|secret|password)|(?:private|job|deploy)-token)\s*:\s*([^\s\"'$][^\s\"']*)"
)
# A line of YAML and its like. In prose a word that follows `password:` is followed by more; a reference is no secret
FIELD = re.compile(
    r"(?i)(?:(?<=\\n)|(?<![\w\\-]))(?!x-)"
    r"([\w-]*(?:password|passphrase|(?:api|access|private|secret)[_-]?key|(?:api|access|auth)[_-]?token))'?:[ \t]+"
    r"(?!(?:none|null|true|false|yes|no|required|optional|missing|string|[|>$<{].*)(?![\w-]))"
    r"(\"[^\"\n]+\"|'[^'\n]+'|[^\s\"',;}]+)(?=\s*(?:$|[\n\"',;}|&>)\\]))"
)
OPTION = re.compile(
    r"(?i)(authorization:\s*\w+|--(?:password|passwd|token|secret|api-key))(?:[\s=]+|\"[\s,]+)"
    rf"{_NO_REFERENCE}(\"[^\"]*\"|'[^']*'|\S+)"
)
CURL = re.compile(
    r"(\bcurl\b(?:(?!\bcurl\b)[^\n|;])*?\s(?:-[a-zA-Z]*u|--user)[\s=]*)"
    rf"(\"[^\":]*:(?!\$)[^\"]+\"|'[^':]*:[^']+'|[^\s:\"']+:(?!\$)\S+|{HIDDEN})"
)
SETTING = re.compile(
    r"\b(UV_[A-Z_]{0,60}INDEX[A-Z_]{0,60}|UV_(?:FIND_LINKS|INSECURE_HOST)|PIP_(?:EXTRA_)?INDEX_URL"
    r"|PIP_(?:FIND_LINKS|CERT|TRUSTED_HOST)|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL|AWS)_CA_BUNDLE|NODE_EXTRA_CA_CERTS"
    r"|GIT_SSL_CAINFO)=(?!/(?:etc/ssl|usr)/)(\S+)"
)
# Secrets by their own form, under any name: a private key's text, and tokens that their makers mark.
# Each pattern also matches its masked form, since the judge reads what was written down.
KEY = re.compile(
    r"(-{4}[- ]BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?[- ]-{4})"
    r"(?:.*?-{4}[- ]END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?[- ]-{4}|.*)",
    re.DOTALL,
)
_BEGINS = r"(?:\b|(?<=\[m)|(?<=\dm))"  # a word, or what a terminal colours
MARKED = re.compile(
    rf"{_BEGINS}((?!(?<=-)sk-)(?:{'|'.join(map(re.escape, MARKS))}))(?:(?=[\w-]{{0,{_FAR}}}\d)[\w-]{{16,}}|{HIDDEN})"
)
PARTED = [re.compile(rf"{_BEGINS}({re.escape(mark)})(?:{rest}[\w-]*|{HIDDEN})") for mark, rest in PARTS.items()]
# Commands that take a secret without saying so in a word. What a shell puts there ("$X") is written elsewhere.
_BETWEEN = r"(?:\s|\\[nrt]|[\"',]){1,20}"
_NAME = rf"[^\s\\\"',]{{1,{_FAR}}}"
_WITHIN = rf"[^\n|;&]{{0,{_FAR}}}?"  # one command, as far as a secret lies from its name
_GIVEN = r"(?![\"']?\$)(\"[^\"]+\"|'[^']+'|[^\s\"',\]\\]+)"
_THEN = rf"(?:\s{{1,9}}|[\"'][\s,]{{1,9}}(?=[\"']|{HIDDEN}))"  # between an option and what it is given, in a list, too
_END = r"(?=[\"']?\s{0,9}(?:$|[\n|;&>)]|#\s))"  # of a command; BuildKit puts a comment behind each


def _option(commands: str, option: str) -> re.Pattern[str]:
    """Return what finds a secret that is an option of these commands."""
    return re.compile(rf"(\b(?:{commands})\b{_WITHIN}[\s\"']{option}{_THEN}){_GIVEN}")


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
    "twine -p": _option("twine", "-p"),
    "redis-cli -a": _option("redis-cli", "-a"),
    "ldap -w": _option("ldap(?:search|add|modify|delete|passwd|whoami|compare)", "-w"),
    "zip -P": _option("zip|unzip", "-P"),
    "smbclient -U": re.compile(
        rf"(\b(?:smbclient|rpcclient)\b{_WITHIN}[\s\"']-U(?:{_THEN})?[\"']?[^\s%\"']{{1,80}}%){_GIVEN}"
    ),
    "--passphrase": re.compile(rf"(?<![\w-])(--passphrase{_THEN}){_GIVEN}"),
    "openssl pass:": re.compile(rf"(-pass(?:in|out)?(?:{_THEN})[\"']?pass:){_GIVEN}"),
    "chpasswd": re.compile(
        rf"(\b(?:echo|printf)\s[^\n|:]{{1,80}}:)(?!\$)([^\n|]{{1,{_FAR}}}?)"
        r"(?=[\"']?\s{0,9}\|\s{0,9}(?:sudo\s)?(?:/\w{1,9}){0,3}/?chpasswd\b)"
    ),
    "chpasswd <<<": re.compile(rf"(\bchpasswd\b[^\n|;&<]{{0,40}}<<<\s{{0,9}}[\"']?[\w.-]{{1,80}}:){_GIVEN}"),
    "aws configure": re.compile(
        rf"(\baws\b{_WITHIN}\bset\s{{1,9}}[\w.-]{{0,80}}(?:secret_access_key|session_token)\s{{1,9}}){_GIVEN}"
    ),
    "htpasswd -b": re.compile(
        rf"(\bhtpasswd\s(?={_WITHIN}-[a-zA-Z]{{0,9}}b)(?:{_WITHIN}\s))"
        rf"(?![\"']?\$)(\"[^\"]+\"|'[^']+'|[^\s\"'|;&>()-][^\s\"'|;&>()]{{0,{_FAR}}}){_END}"
    ),
    "vault login": re.compile(
        r"(\bvault\s{1,9}login\s{1,9}(?:-[\w=-]{1,80}\s{1,9}){0,5})"
        rf"(?!-|\w{{1,80}}=)(?=\S{{0,{_FAR}}}[\d•]){_GIVEN}{_END}"
    ),
    "--from-literal": re.compile(rf"(?<![\w-])(--from-literal(?:{_THEN}|=)[\"']?[\w.-]{{1,80}}=){_GIVEN}"),
    "sig=": re.compile(r"(?i)([?&](?:sig|x-(?:amz|goog)-signature)=)([^\s\"'&$\\]{3,})"),
}
# Addresses in the build host's network. A proxy on the image's own machine and public package sources are none.
_ADDRESS = rf"((?i:[a-z][a-z0-9+.-]{{0,20}}://)[^\s\"',;\\$][^\s\"',;\\]*|[\w.-]{{1,{_FAR}}}:\d{{2,5}}\b|{HIDDEN})"
_PROXY = r"(?!(?:\w{1,9}://)?(?:localhost|127\.|\[::1\]))" + _ADDRESS
_SOURCE = (
    r"(?!https://(?:[\w-]{1,60}\.){0,3}(?:pypi\.org|pythonhosted\.org|download\.pytorch\.org|pypi\.nvidia\.com)"
    r"(?:[/\s\"']|$))" + _ADDRESS
)
_SET = r"\s{1,9}set\s{1,9}(?:[\w-]{1,40}\.)?"
HOST = {
    "proxy: --proxy": re.compile(rf"(?<![\w-])(--proxy(?:{_THEN}|=)[\"']?){_PROXY}"),
    "proxy: curl -x": re.compile(rf"(\bcurl\b{_WITHIN}[\s\"']-[a-zA-Z]{{0,20}}x(?:{_THEN})?[\"']?){_PROXY}"),
    "proxy: config": re.compile(
        rf"((?:\bgit\b{_WITHIN}\bhttps?\.(?:[^\s\"'=]{{1,100}}\.)?|\b(?:npm|yarn|pip3?)\b{_WITHIN}{_SET}(?:https?-)?)"
        rf"proxy(?:{_THEN}|=)[\"']?){_PROXY}"
    ),
    "proxy: Acquire": re.compile(
        rf"(\b(?i:Acquire::\w{{2,9}}::(?:[\w.-]{{1,{_FAR}}}::)?Proxy)(?:\\?[\"'=\s]){{1,9}}){_PROXY}"
    ),
    "host's setting: --index-url": re.compile(
        rf"((?:(?<![\w-])--(?:(?:extra-)?index-url|(?:default-)?index|find-links)|\bpip[\d.]{{0,5}}{_WITHIN}\s-[if]"
        rf"|\bpip3?\b{_WITHIN}{_SET}(?:extra-)?index-url)(?:{_THEN}|=)[\"']?(?:[\w.-]{{1,60}}=)?){_SOURCE}"
    ),
    "host's setting: --trusted-host": re.compile(
        rf"(?<![\w-])(--(?:trusted|allow-insecure)-host(?:{_THEN}|=)[\"']?)(?!{_ITSELF})([\w.-]{{1,{_FAR}}}|{HIDDEN})"
    ),
}


@dataclass(frozen=True)
class Rule:
    """One kind of disclosure: how a finding names it, what matches it, and what is written in its place.

    ``{}`` in the label stands for the first group of the match. ``mask`` is a replacement as `re.sub` takes it.
    """

    label: str
    pattern: re.Pattern[str]
    mask: str = rf"\1{HIDDEN}"
    variable: bool = False  # the first group is a variable's name: its whole value is hidden

    def labels(self, text: str) -> list[str]:
        """Return the label of each match in a text."""
        return [self.label.format(match[1]) for match in self.pattern.finditer(text)]

    def masked(self, text: str) -> str:
        """Return a text with each match hidden."""
        return self.pattern.sub(self.mask, text)


# The order is that of masking. A private key's text comes first, since it may hold what other rules match.
RULES = (
    Rule("a private key", KEY),
    *(Rule("token: {}…", pattern) for pattern in (MARKED, *PARTED)),
    Rule("secret: {}", SECRET, rf"\1={HIDDEN}", variable=True),
    Rule("proxy: {}", PROXY, rf"\1={HIDDEN}", variable=True),
    Rule("host's setting: {}", SETTING, rf"\1={HIDDEN}", variable=True),
    Rule("secret: {}", MEMBER, rf'"\1": {HIDDEN}'),
    Rule("secret: {}", HEADER, rf"\1: {HIDDEN}"),
    Rule("secret: {}", FIELD, rf"\1: {HIDDEN}"),
    Rule("credential: curl -u", CURL),
    *(Rule(f"secret: {command}", pattern) for command, pattern in COMMANDS.items()),
    *(Rule(setting, pattern) for setting, pattern in HOST.items()),
    Rule("secret: {}", OPTION, rf"\1 {HIDDEN}"),
    Rule("credential: {}…", CREDENTIALS, rf"\1{HIDDEN}:{HIDDEN}@"),
    Rule("credential: {}…", TOKEN, rf"\1{HIDDEN}@"),
)


def disclosures(text: str) -> list[str]:
    """Return what a text discloses, each by kind and name, never by value."""
    return [label for rule in RULES for label in rule.labels(text)]


def masked(name: str, value: str) -> str:
    """Return a value, or with an empty name a line of history, with every secret and password in it hidden."""
    before = f"{name}=" if name else ""
    text = before + value
    names = (match for rule in RULES if rule.variable for match in rule.pattern.finditer(text))
    if any(match.end(1) == len(before) - 1 for match in names):
        return HIDDEN if value else ""
    for rule in RULES:
        text = rule.masked(text)
    return text.removeprefix(before)
