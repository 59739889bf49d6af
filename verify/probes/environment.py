"""Reports the user, the interpreter and the installed distributions."""

import importlib.metadata
import os
import platform
import pwd
import sys

from verify.probes.report import given


def name_of(uid):
    """Return the user's name, None where the system does not know one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def may_write(path):
    """Tell whether its owner, group and mode let this user write it, on a file system that is not read-only."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    if found.st_uid == os.getuid():
        return True  # an owner who may not write now may let himself
    return bool(found.st_mode & 0o002 or (found.st_gid in (os.getgid(), *os.getgroups()) and found.st_mode & 0o020))


def is_own(path):
    """Tell whether a directory is this user's, who may enter, read and write it where it is not mounted read-only."""
    return os.path.isdir(path) and os.stat(path).st_uid == os.getuid() and os.stat(path).st_mode & 0o700 == 0o700


ACCOUNTS = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/sudoers"]
searched = [sys.prefix, sys.base_prefix, *os.environ.get("PATH", "").split(os.pathsep), *sys.path[1:]]
runs = [os.path.join(one, name) for one in searched if os.path.isdir(one) for name in ("", *os.listdir(one))]
home = os.path.expanduser("~")
document = {
    "uid": os.getuid(),
    "gid": os.getgid(),
    "user": name_of(os.getuid()),
    "home": home,
    "home_is_writable": is_own(home),
    "working_directory": os.getcwd(),
    "executable": sys.executable,
    "interpreter": os.path.realpath("/proc/self/exe"),
    "python": platform.python_version(),
    "implementation": platform.python_implementation(),
    "machine": platform.machine(),
    "path": sys.path,
    "may_write": sorted({os.path.realpath(one) for one in (*ACCOUNTS, *runs) if may_write(one)})[:20],
    "distributions": [
        [one.metadata["Name"] or "", one.version or "", str(getattr(one, "_path", ""))]
        for one in importlib.metadata.distributions()
    ],
}
given()[1](**document)
