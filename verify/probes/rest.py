"""Looks at a server while nobody asks it: processes, processor time, files and limits: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself. All of it is read from the kernel:
proc(5), cgroups(7), and the kernel's documentation of schedstat.
"""

import glob
import os
import time

MAY_OPEN = "Max open files"
KERNEL = ("cgroup", "cgroup2", "devpts", "proc", "sysfs")  # file systems that hold nobody's files
REFUSALS = ("/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events")  # of cgroups' second version and the first
SOME_AT_MOST = 20  # processes and files that are named
NOISE = 0.04  # seconds: a thread that ran for less computes nothing
SPIN = 0.01  # seconds


def text_of(path):
    """Return a file's text; "" where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except OSError:
        return ""


def processes():
    """Return the processes of this container by number: name, state, parent, session, start, and processor time.

    Start and processor time, with that of children that ended, are in the kernel's ticks.
    """
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        before, _, rest = text_of(path).rpartition(")")
        words = rest.split()
        if words:
            number, _, name = before.partition(" (")
            state, parent, session, start = words[0], int(words[1]), int(words[3]), int(words[19])
            ticks = sum(map(int, words[11:15]))
            found[int(number)] = (name, state, parent, session, start, ticks)
    return found


def of_the_server(known):
    """Return the first process and its descendants; what an engine starts later in a container has no parent there."""
    found, more = set(), {1} & set(known)
    while more:
        found |= more
        more = {number for number, (_, _, parent, *_) in known.items() if parent in more} - found
    return {number: known[number] for number in found}


def unwaited(known):
    """Return the processes that nobody waits for: ended and not reaped, or left behind by a session that is gone."""
    found = {}
    for number, (name, state, _, session, start, _) in of_the_server(known).items():
        if number != 1 and (state == "Z" or session not in known):
            found[number, start] = f"{'zombie' if state == 'Z' else 'orphan'} {name}"
    return found


def threads(known):
    """Return for each thread of the server the seconds that it ran, and those that it waited for a processor."""
    found = {}
    for path in (path for number in of_the_server(known) for path in glob.glob(f"/proc/{number}/task/*/schedstat")):
        words = text_of(path).split()
        if len(words) > 1:
            found[path] = (int(words[0]) / 1e9, int(words[1]) / 1e9)
    return found


def held(known):
    """Return how many processes the server has, and how many threads and open files they have."""
    each = [f"/proc/{number}" for number in of_the_server(known)]
    found = {name: sum(len(glob.glob(f"{one}/{name}/*")) for one in each) for name in ("task", "fd")}
    return {"processes": len(each), "threads": found["task"], "files": found["fd"]}


def busiest(before, after, seconds):
    """Return the most that any thread ran of the time in which it did not wait for a processor, as a share."""
    shares = [0.0]
    for path, (ran, waited) in after.items():
        had_run, had_waited = before.get(path, (0.0, 0.0))
        if ran - had_run > NOISE:
            shares.append((ran - had_run) / max(ran - had_run, seconds - (waited - had_waited)))
    return max(shares)


def written(allowed, since):
    """Return the files that changed since then (clock time) where files can be written and none are allowed."""
    found = []
    for _device, place, kind, options, *_ in (line.split(" ") for line in text_of("/proc/self/mounts").splitlines()):
        if options.split(",")[0] == "rw" and kind not in KERNEL and place not in allowed:
            found += [path for path in files(place) if changed(path) >= since]
    return sorted(found)


def files(place):
    """Yield the regular files in a directory, on its own file system."""
    for directory, directories, names in os.walk(place):
        directories[:] = [one for one in directories if not os.path.ismount(os.path.join(directory, one))]
        paths = (os.path.join(directory, name) for name in names)
        yield from (path for path in paths if os.path.isfile(path) and not os.path.islink(path))


def changed(path):
    """Return when a file was made or changed, 0 where it is gone."""
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return 0


def everybodys(path):
    """Tell whether a file is everybody's to write."""
    try:
        return bool(os.lstat(path).st_mode & 0o002)
    except OSError:
        return False


def lets_everybody_write(number):
    """Tell whether a process makes files that everybody may write: its mask, in octal digits, lets the bit be."""
    mask = number_after(f"/proc/{number}/status", "Umask:")
    return mask is not None and not mask % 10 & 2


def begun(known):
    """Return the clock time at which the first process began."""
    ticks = known[1][4] if 1 in known else 0
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def number_after(path, words):
    """Return the number behind these words in a file; None where there is none."""
    for line in text_of(path).splitlines():
        behind = line[len(words) :].split()
        if line.startswith(words) and behind and behind[0].isdigit():
            return int(behind[0])
    return None


def refused():
    """Return how often a process or thread was refused at the limit; None where the kernel does not count it."""
    counts = (number_after(path, "max ") for path in REFUSALS)
    return next((count for count in counts if count is not None), None)


def slowness():
    """Return how many times as long as on an idle machine it takes here to compute something; 1 at least."""
    began, ran = time.monotonic(), time.thread_time()
    while time.thread_time() - ran < SPIN:
        pass
    return max(1.0, (time.monotonic() - began) / SPIN)


def rest(seconds, data, ours, had):
    """Return what a server does while nobody asks it for so many seconds.

    ``data``: directories that it may write to. ``ours``: those in which we have it write. ``had``: what it held when
    everything had been asked once.
    """
    allowed = [*data, *ours]
    known = processes()
    before, ticks, began = threads(known), sum(one[-1] for one in of_the_server(known).values()), time.monotonic()
    time.sleep(seconds)
    now, took = processes(), time.monotonic() - began
    server = of_the_server(now)
    computed = (sum(one[-1] for one in server.values()) - ticks) / os.sysconf("SC_CLK_TCK")
    left = {process: what for process, what in unwaited(now).items() if process[0] in known}
    return {
        "busy": max(0.0, computed / took),
        "busiest": busiest(before, threads(now), took),
        "left": sorted(left.values())[:SOME_AT_MOST],
        "more": {name: max(0, count - had[name]) for name, count in held(now).items()},
        "written": written(allowed, begun(now))[:SOME_AT_MOST],
        "lax": sum(lets_everybody_write(number) for number in server),
        "exposed": sorted(path for place in data for path in files(place) if everybodys(path))[:SOME_AT_MOST],
        "open_files": number_after("/proc/1/limits", MAY_OPEN),
        "refused": refused(),
        "slowness": slowness(),
    }
