"""A deadline that does not count the time in which what it is for waited for a processor: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself. The kernel tells how long a process
waited (its documentation of schedstat); where it does not, all time counts. On an idle machine this asks it nothing.
"""

import contextlib
import os
import time

LONGEST = 3  # times its seconds that a deadline may come after its beginning


def waited(session):
    """Return the seconds for which the main threads of a session's processes (setsid(2)) waited for a processor."""
    total = 0
    for number in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended, or the kernel tells nothing
            with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as stat:
                own = int(stat.read().rpartition(")")[2].split()[3]) == session
            if own:
                with open(f"/proc/{number}/schedstat", encoding="utf-8") as schedstat:
                    total += int(schedstat.read().split()[1])
    return total / 1e9


class Patience:
    """So many seconds from ``began`` (monotonic clock), for the processes of a session."""

    def __init__(self, seconds, session, began=None):
        self.seconds, self.session, self.known = seconds, session, 0.0
        began = time.monotonic() if began is None else began
        self.end, self.latest = began + seconds, began + LONGEST * seconds

    def left(self):
        """Return the seconds that are left, 0 where there are none: it is late then."""
        now = time.monotonic()
        if self.end <= now < self.latest:
            known, self.known = self.known, waited(self.session)
            self.end = min(self.latest, self.end + max(0.0, self.known - known))
        return max(0.0, self.end - now)
