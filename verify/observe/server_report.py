"""What verify/probes/ask.py reports of a server's conduct, as typed values."""

from verify.observe.probe_reports import ProbeReport, Whole


class AtOnce(ProbeReport):
    """Requests that were sent side by side: verify/probes/at_once.py."""

    asked: Whole
    refused: list[str]  # method and path of each, with what happened instead of a good answer


class Held(ProbeReport):
    """What a server holds."""

    processes: Whole
    threads: Whole
    files: Whole  # that are open, sockets among them


class Rest(ProbeReport):
    """A server that nobody asks: verify/probes/rest.py."""

    busy: float  # share of one processor
    busiest: float  # share of the time in which it did not wait for a processor, of the thread that ran most of it
    left: list[str]  # kind and name of processes that nobody waits for
    more: Held  # that came with the last requests and stayed
    written: list[str]  # paths of files where the contract allows none
    lax: Whole  # processes that make files which everybody may write
    exposed: list[str]  # paths of files where it allows them that everybody may write
    open_files: Whole | None  # that its first process may open
    refused: Whole | None  # how often a process or thread was refused at the limit
