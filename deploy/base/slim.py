"""Runs inside a fresh root, with its own Python: leaves what a Python program needs, and nothing that varies.

What stays is what the official slim image has for a Python program, less the package manager. What goes: documentation
(not the licences), caches, logs, whatever names the machine that bootstrapped, and packages that only install others.
The package database goes on saying exactly what is there. Standard library only; `deploy.base.bootstrap` feeds it to
the Python of the new root and makes its text part of the recipe's digest.
"""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

# The package manager and what nothing but packages' own scripts needs.
GONE = ("debconf", "dpkg", "libdebconfclient0", "perl-base", "usr-is-merged", "util-linux-extra")

# Trees and files, as glob patterns below the root.
WASTE = (
    # documentation and data of programs that are not there
    *("usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bug", "usr/share/menu"),
    *("usr/share/pixmaps", "usr/share/polkit-1", "usr/share/bash-completion", "usr/share/debconf", "usr/share/perl5"),
    *("usr/share/debianutils", "usr/share/util-linux", "usr/share/libc-bin", "usr/lib/systemd", "usr/lib/udev"),
    *("usr/lib/tmpfiles.d", "usr/lib/init", "usr/share/dpkg", "usr/lib/dpkg", "usr/share/gdb"),
    *("usr/lib/python3*/test", "usr/share/python3/debpython", "usr/lib/*/perl-base"),
    # configuration of the package manager and of an init system: sources, proxies and keys of the machine outside
    *("etc/apt", "etc/dpkg", "etc/perl", "etc/cron*", "etc/init.d", "etc/rc?.d", "etc/systemd", "etc/logrotate.d"),
    *("etc/debconf.conf", "etc/fstab", "etc/update-motd.d", "etc/motd"),
    # what varies from run to run
    *("var/cache/*", "var/log/*", "var/backups", "var/lib/apt", "var/lib/systemd", "var/lib/pam", "tmp/*", "run/*"),
    *("etc/machine-id", "etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/sub?id-"),
    *("var/lib/dpkg/*-old", "var/lib/dpkg/lock*", "var/lib/dpkg/triggers", "var/lib/dpkg/updates"),
    *("var/lib/dpkg/parts", "var/lib/dpkg/info/*inst", "var/lib/dpkg/info/*rm", "var/lib/dpkg/info/*.triggers"),
    *(f"var/lib/dpkg/info/*.{kind}" for kind in ("templates", "config", "symbols", "shlibs")),
    # Debian's refusal of `pip install` outside a virtual environment; the official image has none
    "usr/lib/python3*/EXTERNALLY-MANAGED",
)

# All that Debian's packages put into the root (Filesystem Hierarchy Standard 3.0); anything else came from outside.
TOP = {
    *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt", "proc", "root"),
    *("run", "sbin", "srv", "sys", "tmp", "usr", "var"),
}

# Docker mounts its own over these; they stay as empty files so that no build leaves a trace of that in a layer.
EMPTY = ("etc/hostname", "etc/hosts", "etc/resolv.conf")


def remove(path: Path) -> None:
    """Remove a file, link or tree; what is gone already is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def forget_packages(root: Path, names: tuple[str, ...]) -> None:
    """Remove packages' files and their entries in the package database."""
    info = root / "var/lib/dpkg/info"
    for name in names:
        for listing in (*info.glob(f"{name}.list"), *info.glob(f"{name}:*.list")):
            for line in listing.read_text().splitlines():
                path = root / line.removeprefix("/")
                if path.parent != root and (path.is_symlink() or path.is_file()):  # /bin, /lib are links: everybody's
                    path.unlink()
        for record in (*info.glob(f"{name}.*"), *info.glob(f"{name}:*")):
            record.unlink()
    status = root / "var/lib/dpkg/status"
    status.write_text(without_stanzas(status.read_text(), names))


def without_stanzas(status: str, names: tuple[str, ...]) -> str:
    """Return the package database's text without the stanzas of these packages."""
    stanzas = [stanza for stanza in status.strip().split("\n\n") if stanza]
    gone = {f"Package: {name}" for name in names}
    return "".join(f"{stanza}\n\n" for stanza in stanzas if stanza.split("\n", 1)[0] not in gone)


def without_privileges(root: Path) -> None:
    """Remove programs that run with another's rights (setuid, setgid): nobody in an image starts one."""
    for path in sorted((root / "usr").rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
            path.unlink()


def keep_core_conversions(directory: Path) -> None:
    """Keep the character sets that glibc itself calls core; Python brings its own for the rest (8 MB)."""
    core = directory / "gconv-modules"
    lines = [line.split() for line in core.read_text().splitlines() if line.startswith("module")]
    keep = {f"{words[3]}.so" for words in lines}
    for path in sorted(directory.iterdir()):
        if path != core and path.name not in keep:
            remove(path)


def keep_licences(doc: Path) -> None:
    """Of the documentation, keep the copyright files: an image that is passed on needs them."""
    for path in sorted(doc.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name != "copyright" and not path.is_symlink():
            path.unlink()


def main(root: Path, minor: str) -> int:
    """Slim the tree at `root`; 1 if its Python is not of the wanted minor version, or something foreign lies in it."""
    found = ".".join(str(part) for part in sys.version_info[:2])
    if found != minor:
        print(f"the suite's python3 is {found}, wanted is {minor}", file=sys.stderr)
        return 1
    if foreign := sorted(path.name for path in root.iterdir() if path.name not in TOP):
        print(f"no Debian package puts this into the root: {', '.join(foreign)}", file=sys.stderr)
        return 1
    forget_packages(root, GONE)
    for pattern in WASTE:
        for path in sorted(root.glob(pattern)):
            remove(path)
    without_privileges(root)
    for directory in sorted(root.glob("usr/lib/*/gconv")):
        keep_core_conversions(directory)
    keep_licences(root / "usr/share/doc")
    for name in EMPTY:
        (root / name).write_bytes(b"")
    for name in ("python", "python3", f"python{minor}"):  # where the official image has them
        (root / "usr/local/bin" / name).symlink_to(f"/usr/bin/python{minor}")
    subprocess.run(["/sbin/ldconfig"], check=True)
    remove(root / "var/cache/ldconfig")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path("/"), sys.argv[1]))
