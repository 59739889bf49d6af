"""An image's accounts (passwd(5), shadow(5)): whether one is open to everybody, never what its password is."""

from collections.abc import Iterable, Mapping

FILES = ("/etc/passwd", "/etc/shadow")
HIDDEN = "*"


def without_passwords(text: str) -> str:
    """Return the first three fields of each line, with every password that is not empty hidden."""
    lines = []
    for line in text.splitlines():
        name, *rest = line.split(":")[:3]
        lines.append(":".join([name, *(HIDDEN if rest[0] else "" for _ in rest[:1]), *rest[1:]]))
    return "\n".join(lines)


def faults(paths: Iterable[str], texts: Mapping[str, str]) -> list[str]:
    """Return what opens an account: no password, root's number for another, a file that could not be read.

    ``paths`` are those of ``FILES`` that the image holds, ``texts`` what was read of them.
    """
    found = []
    for path in sorted(paths):
        if path not in texts:
            found.append(f"{path} is a link, or too large to be read")
            continue
        for name, *rest in (line.split(":") for line in texts[path].splitlines() if line[:1] != "#"):
            if rest and not rest[0]:
                found.append(f"{path}: {name or 'somebody'} has no password")
            if path == "/etc/passwd" and name != "root" and len(rest) > 1 and not rest[1].strip(" +-0"):
                found.append(f"{path}: {name or 'somebody'} is root by number")
    return found
