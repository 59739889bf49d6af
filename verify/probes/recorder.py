"""Remembers who asks for a heavy package, and who starts a process: a part of the probes that look at programs.

``verify.observe.requests`` puts it into their source; it is no probe by itself.
"""

import contextlib
import glob
import os
import re
import resource
import sys

ATTEMPTS_AT_MOST = 40
# Audit events of the standard library that start a process (Python's audit events table)
STARTING = {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen", "pty.spawn"}


class Recorder:
    """Remembers who asked for a heavy package, and who started a process, in which phase.

    It listens twice: as a meta path finder that finds nothing, and as an audit hook (PEP 578), which nobody can take
    out again and which hears of a module that is run past the import system. It tells at once what it hears, ``tell``
    being given one list at a time by name. A forked child has the recorder too; what any other child does nobody hears.
    """

    def __init__(self, heavy, tell):
        self.heavy, self.tell, self.phase, self.attempts, self.started = set(heavy), tell, "import", [], []
        self.file = re.compile(rf"/(?:site|dist)-packages/({'|'.join(map(re.escape, heavy))})/")
        sys.meta_path.insert(0, self)
        sys.addaudithook(self.hear)

    def find_spec(self, name, path=None, target=None):  # noqa: ARG002 - the import system's signature
        """Record the question, unless it only looks a package up; finding is left to the others."""
        if name in self.heavy:
            frames = list(walk(sys._getframe(1)))
            asked = next((f for f in frames if f.f_code.co_name != "_find_spec"), None)
            if asked is not None and asked.f_code.co_name == "_find_and_load_unlocked":
                self.attempt(name, frames)

    def hear(self, event, arguments):
        """Record imports that the finder does not hear of, modules that are run, and processes that are started."""
        if event == "import":
            if arguments[0] in self.heavy and (not sys.meta_path or sys.meta_path[0] is not self):
                self.attempt(arguments[0], list(walk(sys._getframe(1))))
        elif event == "exec":
            found = self.file.search(getattr(arguments[0], "co_filename", ""))
            if found and found[1] not in {one["package"] for one in self.attempts}:
                self.attempt(found[1], list(walk(sys._getframe(1))))
        elif event in STARTING:
            what = " ".join([event, *(repr(one)[:200] for one in arguments[:2])])
            self.start(what, chain(list(walk(sys._getframe(1)))))

    def attempt(self, package, frames):
        """Tell an attempt, once."""
        one = {"package": package, "phase": self.phase, "chain": chain(frames)}
        if one not in self.attempts and len(self.attempts) < ATTEMPTS_AT_MOST:
            self.attempts.append(one)
            self.tell(attempts=[one])

    def start(self, what, frames):
        """Tell a process that was started."""
        if len(self.started) < ATTEMPTS_AT_MOST:
            self.started.append({"what": what, "phase": self.phase, "chain": frames})
            self.tell(processes=self.started[-1:])

    def enter(self, phase):
        """Begin a phase; a child that there is, or was, and whose start nobody heard belongs to the one that ends."""
        had = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt > 0
        if (had or children()) and not self.started:
            self.start("a process, by means that nobody heard", [])
        self.phase = phase


def lazily_named(heavy):
    """Return the heavy packages that were named lazily and not used yet (PEP 810, Python 3.15).

    No finder is asked for them and no audit event tells of them; their first use is an import like any other.
    """
    return sorted({name.partition(".")[0] for name in tuple(getattr(sys, "lazy_modules", ()))} & set(heavy))


def children():
    """Return the ids of the processes that this one, or a child of it, started and that are still there (proc(5))."""
    found = []
    for file in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError), open(file, encoding="utf-8", errors="replace") as stat:
            own, _, rest = stat.read().rpartition(")")
            _state, parent, _group, session = rest.split()[:4]
            process = int(own.split()[0])
            if process != os.getpid() and str(os.getpid()) in (parent, session):
                found.append(process)
    return found


def walk(frame):
    """Yield a frame and all that called it, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def chain(frames):
    """Return the files and lines that led here, the outermost first, without the machinery between them."""
    return [
        [frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name]
        for frame in reversed(frames)
        if not frame.f_code.co_filename.startswith(("<frozen importlib", "<string>"))
        and not re.search(
            r"/lib/python3\.\d+/(importlib|asyncio|threading|concurrent|subprocess|multiprocessing)\b",
            frame.f_code.co_filename,
        )
    ]
