"""This user's directory on this machine that holds the pipeline's locks and the machine's own name.

Both lie in one directory: a process that reads the name also sees the locks, so it takes no living run for dead.

Why not filelock: it makes the file of the lock that it takes. Whether a run lives is asked of a file that may be gone.
"""

import contextlib
import fcntl
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.artifacts import write_text
from deploy.errors import Problem


def folder(env: Mapping[str, str] = os.environ) -> Path:
    """Return the directory, made if need be: `ktrdr` in the user's state directory, or in the temporary one."""
    home = env.get("HOME", "")
    wanted = [Path(env["XDG_STATE_HOME"]) / "ktrdr"] if env.get("XDG_STATE_HOME") else []
    wanted += [Path(home) / ".local" / "state" / "ktrdr"] if home else []
    wanted += [Path(tempfile.gettempdir()) / f"ktrdr-{os.getuid()}"]
    for path in wanted:
        with contextlib.suppress(OSError):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.stat().st_uid == os.getuid() and os.access(path, os.W_OK | os.X_OK):
                return path
    raise Problem("keeping state", f"none of {', '.join(map(str, wanted))} can be written", "set XDG_STATE_HOME")


def host_name(where: Path) -> str:
    """Return a name for this machine and user: the host's, and a part drawn once so that no two agree by chance."""
    path = where / "host"
    with lock(where / "host.lock", 10.0):
        try:
            drawn = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            drawn = ""
        if not drawn:
            drawn = secrets.token_hex(4)
            write_text(path, drawn + "\n")
    return f"{socket.gethostname()}-{drawn}"


def try_lock(path: Path, *, create: bool = True) -> int | None:
    """Take the lock file at `path`, made if need be; its descriptor, or None while another process holds it.

    The kernel releases it when the process ends, however it ends.

    Raises:
        OSError: the file cannot be opened or made.

    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock file at `path`; Problem when another process still holds it after `seconds`."""
    deadline = time.monotonic() + seconds
    while (descriptor := try_lock(path)) is None:
        if time.monotonic() > deadline:
            wrong = f"another process held it for {seconds:.0f} s"
            raise Problem(f"waiting for {path}", wrong, "wait for that process, or end it")
        time.sleep(0.1)
    try:
        yield
    finally:
        os.close(descriptor)
