"""The host's settings as build secrets, contexts and arguments: no image keeps any of them."""

import base64
import configparser
import filecmp
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import uv

from deploy.errors import Problem

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY")  # Docker's predefined build arguments
# uv's settings that say where packages come from. Others (its cache, its Python) are the Dockerfile's business.
UV_SETTINGS = (
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX_STRATEGY", "UV_INSECURE_HOST",
    "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_KEYRING_PROVIDER", "UV_HTTP_TIMEOUT", "UV_OFFLINE",
)  # fmt: skip
CACHES = ("KTRDR_CACHE_FROM", "KTRDR_CACHE_TO")
CACHE_SECRET = re.compile("key|token|secret|password", re.IGNORECASE)  # of buildx's caches s3, azblob and gha
INDEX_LOGIN = re.compile(r"(UV_INDEX_\w+)_(?:USERNAME|PASSWORD)")


@dataclass(frozen=True)
class Settings:
    """The host's settings for every build."""

    build_args: dict[str, str]
    contexts: dict[str, str]  # name -> directory
    secrets: list[str]  # as `--secret` takes them
    environment: dict[str, str]  # of the build client, for secrets that are no file
    torch_wheel: str | None  # file name, where a find-links directory has it
    hidden: tuple[str, ...]  # strings that no log or message may show

    def redact(self, text: str) -> str:
        """Return the text without the host's proxies, credentials and index addresses."""
        for secret in self.hidden:
            text = text.replace(secret, "•••")
        return text


def host_settings(
    torch_version: str, cache: Path, environ: Mapping[str, str] = os.environ, program: Path | None = None
) -> Settings:
    """Read the host's settings and lay out the build contexts and secrets below ``cache``.

    ``program``: the uv that builds run (deploy.build.uv_binary); by default this host's own.

    Raises:
        Problem: SSL_CERT_FILE names a file that is not there.

    """
    secrets, hidden = [], []
    if bundle := environ.get("SSL_CERT_FILE"):
        if not Path(bundle).is_file():
            wrong = f"SSL_CERT_FILE={bundle}: no such file"
            raise Problem("reading the host's certificates", wrong, "correct or unset it")
        secrets.append(f"id=certificates,src={bundle}")
    assignments = uv_assignments(environ)
    if assignments:
        secrets.append("id=uv-settings,env=KTRDR_UV_SETTINGS")
    proxies = {name: value for name in PROXIES if (value := environ.get(name) or environ.get(name.lower()))}
    hidden += [form for name in PROXIES if name != "NO_PROXY" for form in proxy_forms(name, environ)]
    hidden += [form for name, value in environ.items() if name.startswith("UV_") for form in address_forms(value)]
    hidden += index_secrets(environ)
    hidden += [form for name in CACHES for form in cache_secrets(environ.get(name, ""))]
    program = program or Path(uv.find_uv_bin())
    contexts = {"uv": str(_only(cache / "uv-binary", program))}  # the locked uv, and nothing else
    wheel = find_wheel(torch_version, find_links(environ))
    if wheel is not None:
        contexts["torch-wheels"] = str(_only(cache / "torch-wheels", wheel))
    hidden.sort(key=len, reverse=True)  # the longer first, so that no part of it is left standing
    environment = {"KTRDR_UV_SETTINGS": assignments} if assignments else {}
    return Settings(proxies, contexts, secrets, environment, wheel.name if wheel else None, tuple(hidden))


def cache_secrets(text: str) -> list[str]:
    """Return the secrets in a buildx cache address: the values of its keys and tokens."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    return [value for key, _, value in pairs if value and CACHE_SECRET.search(key)]


def uv_assignments(environ: Mapping[str, str]) -> str:
    """Return shell assignments of uv's source settings, with the credentials of named indexes; "" for none."""
    names = [*UV_SETTINGS, *(name for name in environ if name.startswith("UV_INDEX_") and name not in UV_SETTINGS)]
    return "".join(f"{name}={shlex.quote(environ[name])}\n" for name in names if environ.get(name))


def proxy_forms(name: str, environ: Mapping[str, str]) -> list[str]:
    """Return the forms in which a log might show a proxy, in capitals or not. Without a scheme it is an HTTP proxy."""
    values = [value for spelling in (name, name.lower()) if (value := environ.get(spelling))]
    return [form for value in values for form in (value, *address_forms(re.sub(r"^(?!\w+://)", "http://", value)))]


def index_secrets(environ: Mapping[str, str]) -> list[str]:
    """Return the secrets of named indexes in uv's settings; a user name without a password is a token."""
    indexes = {found[1] for name in environ if (found := INDEX_LOGIN.fullmatch(name))}
    logins = (environ.get(f"{index}_PASSWORD") or environ.get(f"{index}_USERNAME") for index in sorted(indexes))
    return [secret for secret in logins if secret]


def address_forms(value: str) -> list[str]:
    """Return the forms in which a log might show a setting's addresses: whole, without credentials, these alone.

    uv separates several indexes with spaces; a named index has its name and an equals sign in front.
    """
    forms = []
    for word in value.split():
        address = word if "=" not in word.partition("://")[0] else word.partition("=")[2]
        try:
            parts = urlsplit(address)
            host = parts.hostname
        except ValueError:
            host = None
        if "://" not in address:
            continue
        forms.append(address)
        if host is not None:
            forms += [address.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2]), *_credential_forms(parts)]
    return [form for form in forms if form]


def _credential_forms(parts: SplitResult) -> list[str]:
    """Return an address's password as written, as meant and as HTTP sends it (RFC 7617).

    A name without a password is a token.
    """
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not password:
        return [parts.username or "", name]
    return [parts.password or "", password, base64.b64encode(f"{name}:{password}".encode()).decode()]


def find_links(environ: Mapping[str, str], files: list[Path] | None = None) -> list[Path]:
    """Return the local directories that the host's pip looks for wheels in: PIP_FIND_LINKS, then its configuration."""
    words = environ.get("PIP_FIND_LINKS", "").split()
    home = Path(environ.get("HOME", "/root"))
    config = environ.get("XDG_CONFIG_HOME") or str(home / ".config")
    standard = [home / ".pip/pip.conf", Path(config) / "pip/pip.conf", Path("/etc/pip.conf")]
    if named := environ.get("PIP_CONFIG_FILE"):
        standard.insert(0, Path(named))
    for file in standard if files is None else files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself says what is wrong with it
        words += parser.get("global", "find-links", fallback="").split()
    return [Path(word.removeprefix("file://")) for word in words if not word.startswith(("http:", "https:"))]


def find_wheel(version: str, directories: list[Path]) -> Path | None:
    """Return the CPU wheel of this torch version for the images' platform from the first directory that has one."""
    for directory in directories:
        for wheel in sorted(directory.glob(f"torch-{version}+cpu-cp311-cp311-*x86_64.whl")):
            return wheel
    return None


def _only(directory: Path, file: Path) -> Path:
    """Make ``directory`` hold this file alone: by hard link, or by copy across file systems."""
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / file.name
    if not (target.exists() and filecmp.cmp(target, file)):
        partial = directory.parent / f".{file.name}.{os.getpid()}"
        try:
            partial.hardlink_to(file)
        except OSError:
            shutil.copy2(file, partial)
        partial.replace(target)
        partial.unlink(missing_ok=True)  # renaming a hard link onto its own file leaves both (POSIX rename)
    for other in directory.iterdir():
        if other != target:
            other.unlink()
    return directory
