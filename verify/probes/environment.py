"""Reports the user, the interpreter and the installed distributions."""

import importlib.metadata
import json
import os
import platform
import pwd
import sys


def name_of(uid):
    """Return the user's name, None where the system does not know one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


home = os.path.expanduser("~")
document = {
    "uid": os.getuid(),
    "gid": os.getgid(),
    "user": name_of(os.getuid()),
    "home": home,
    "home_is_writable": os.path.isdir(home) and os.stat(home).st_uid == os.getuid(),
    "working_directory": os.getcwd(),
    "executable": sys.executable,
    "interpreter": os.path.realpath("/proc/self/exe"),
    "python": platform.python_version(),
    "implementation": platform.python_implementation(),
    "machine": platform.machine(),
    "path": sys.path,
    "distributions": [
        [one.metadata["Name"] or "", one.version or "", str(getattr(one, "_path", ""))]
        for one in importlib.metadata.distributions()
    ],
}
os.write(int(os.environ["KTRDR_PROBE_FD"]), json.dumps(document).encode())
