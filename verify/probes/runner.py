"""Runs the other probes, each in a fork of this interpreter, and prints one JSON document with the nonce it was given.

Started as ``python -X utf8 -c SOURCE REQUEST``. The request (JSON) holds ``nonce`` and ``probes`` (name -> source,
argument, seconds). What a probe prints is kept apart from what it reports: its facts come in messages (JSON objects)
through a socket of its own, and what was told before it died counts. ``now`` tells what it does next, and in how many
seconds that has to end. What a probe waits for a processor is not counted, within bounds. SIGTERM ends the runner and
every probe, but for a container's first process.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
import types

from verify.probes.patience import Patience

KEPT = 16_000  # bytes kept of what a probe prints
REPORT_AT_MOST = 2_000_000  # bytes
MESSAGE_AT_MOST = 1 << 20  # bytes
ENDING_SECONDS = 5.0  # for what a probe left open
REPORT = 63  # the file descriptor of a probe's report, where no program expects its own
SIGNALS = {signal.SIGTERM}
RUNNING: "set[Probe]" = set()


class Probe:
    """One probe: its process, or one process after the other where what it does is deadly; and what came of it."""

    def __init__(self, source, argument, seconds):
        self.source, self.argument, self.began = source, argument, time.monotonic()
        self.whole, self.result, self.printed, self.printed_bytes = Patience(seconds, 0), {}, b"", 0
        self.facts, self.lists, self.report_bytes, self.error, self.done = {}, {}, 0, "", []
        self.start()

    def start(self):
        """Start a process for it, which does nothing again that was begun before."""
        self.now, self.phase, self.code, self.late, self.told = None, self.whole, None, False, set()
        argument = {**self.argument, "done": self.done} if self.done else self.argument
        (printed, own_printed), (report, own_report) = os.pipe(), socket.socketpair(type=socket.SOCK_SEQPACKET)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process = os.fork()
        except OSError as error:
            self.result, self.code, self.streams = {"outcome": "not started", "error": str(error)}, -1, {}
            return
        if self.process == 0:
            become(self.source, argument, own_printed, own_report.fileno())
        self.whole.session = self.process
        RUNNING.add(self)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(own_printed)
        own_report.close()
        self.streams = {printed: self.print, report.detach(): self.take}

    def read(self, stream):
        """Take what a stream holds; one that is at its end is closed."""
        with contextlib.suppress(ConnectionError):
            if data := os.read(stream, MESSAGE_AT_MOST):
                return self.streams[stream](data)
        del self.streams[stream]
        os.close(stream)
        return None

    def print(self, data):
        """Keep the beginning of what is printed, and count the rest."""
        self.printed_bytes += len(data)
        self.printed += data[: max(0, KEPT - len(self.printed))]

    def take(self, message):
        """Take a message's facts: a list goes on, a table is added to, any other value is told once by a process."""
        self.report_bytes += len(message)
        if self.report_bytes > REPORT_AT_MOST:
            self.error = "the report is too long"
            return
        try:
            facts = dict(json.loads(message))
            if "now" in facts:
                self.enter(facts.pop("now"))
            for name, value in facts.items():
                if isinstance(value, list):
                    self.lists.setdefault(name, {}).update((json.dumps(one), one) for one in value)
                elif isinstance(value, dict):
                    self.facts.setdefault(name, {}).update(value)
                elif name in self.told:
                    self.error = f"the report says {name} twice"
                else:
                    self.told.add(name)
                    self.facts.setdefault(name, value)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            self.error = f"the report is no JSON document: {error}"

    def enter(self, now):
        """Note what the probe does from now on: nothing more, or ``what``, ``seconds``, ``again`` for an operation."""
        self.now, self.phase = now, self.whole
        if now:
            self.phase = Patience(now["seconds"], self.process)
            self.done += [now["what"]] * now["again"]

    def left(self):
        """Return the seconds until its process is late, or until what that left open is closed."""
        return self.phase.left() if self.code is not None else min(self.phase.left(), self.whole.left())

    def look(self):
        """See whether its process has ended, or is late."""
        if self.code is None:
            process, status = os.waitpid(self.process, os.WNOHANG)
            if not process and not self.left():
                kill(self.process)
                self.late, (process, status) = True, os.waitpid(self.process, 0)
            if process:
                kill(process)
                RUNNING.discard(self)
                self.code, self.phase = os.waitstatus_to_exitcode(status), Patience(ENDING_SECONDS, process)
        elif not self.result and (not self.streams or not self.left()):
            for stream in self.streams:
                os.close(stream)
            self.conclude()

    def conclude(self):
        """Note what its process was ended by; what comes after a deadly operation is done by another one."""
        if self.now:
            unseen = self.late and not self.whole.left()  # the time of all is over, whoever used it up
            words = f"no end within {self.whole.seconds if unseen else self.now['seconds']:.0f} s" * self.late
            words = words or f"it ended its process with {self.code}"
            if self.now["again"] and self.done[1:] and not self.late:
                words += f"; {self.done[-2]} came before it"  # which may have done so belatedly
            lost = self.facts.setdefault("lost", {})
            lost.setdefault(self.now["what"], {"how": words, "late": self.late, "unseen": unseen})
            if self.now["again"] and self.whole.left():
                self.start()
                return
        facts = {**self.facts, **{name: list(values.values()) for name, values in self.lists.items()}}
        self.result = {
            "outcome": "timed out" if self.late and not self.now else "ended",
            "exit_code": self.code,
            "seconds": round(time.monotonic() - self.began, 3),
            "printed": self.printed.decode("utf-8", "replace"),
            "printed_bytes": self.printed_bytes,
            **({"error": self.error} if self.error else {"report": facts} if facts else {}),
        }


def become(source, argument, printed, report):
    """Go on as a probe, as ``python -c SOURCE`` would: this is a new process."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream in (1, 2):
        os.dup2(printed, stream)
    os.dup2(report, REPORT)
    os.closerange(3, REPORT)
    os.closerange(REPORT + 1, 1024)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, *SIGNALS):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.environ.update(KTRDR_PROBE_FD=str(REPORT), KTRDR_PROBE_ARGUMENT=json.dumps(argument))
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(source, "<string>", "exec"), vars(main))  # noqa: S102 - what was asked for
    sys.exit()


def kill(process):
    """Kill a probe; what it started goes with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def end(number, _frame):
    """Handle a signal: kill every probe, and end."""
    signal.signal(number, signal.SIG_IGN)
    for probe in RUNNING:
        kill(probe.process)
    os._exit(128 + number)


def main():
    """Run everything that was asked for, side by side, and print the document."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)  # a probe that ends is heard of at once
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getpid() != 1:  # a container's first process heeds no signal of what it looks at
        signal.signal(signal.SIGTERM, end)
    request = json.loads(sys.argv.pop())
    probes = {name: Probe(**probe) for name, probe in request["probes"].items()}
    while waiting := [probe for probe in probes.values() if not probe.result]:
        streams = {stream: probe for probe in waiting for stream in probe.streams}
        left = min(probe.left() for probe in waiting)
        ready, _, _ = select.select([awake, *streams], [], [], left)
        for stream in ready:
            if stream == awake:
                os.read(awake, 1 << 10)
            else:
                streams[stream].read(stream)
        for probe in waiting:
            probe.look()
    results = {name: probe.result for name, probe in probes.items()}
    sys.stdout.reconfigure(encoding="ascii")  # whatever the image says of it
    print(json.dumps({"schema": 1, "nonce": request["nonce"], "results": results}))


main()
