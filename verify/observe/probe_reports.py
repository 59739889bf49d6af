"""The probes' reports as typed values: an image's statements on itself are validated before they are judged."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Beyond it is no count, and no number that can be reckoned with: an image may write any
Whole = Annotated[int, Field(ge=-(2**63), le=2**63)]


class ProbeReport(BaseModel):
    """A probe's report; unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    always: ClassVar[frozenset[str]] = frozenset()  # keys that no report may lack
    when: ClassVar[dict[str, frozenset[str]]] = {}  # a key -> what no report may lack in which that key is true

    @model_validator(mode="after")
    def _complete(self) -> Self:
        due = self.always.union(*(keys for key, keys in self.when.items() if getattr(self, key)))
        missing = sorted(due - self.model_fields_set)
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        return self


class EnvironmentReport(ProbeReport):
    """verify/probes/environment.py."""

    uid: Whole
    gid: Whole
    user: str | None
    home: str
    home_is_writable: bool
    working_directory: str
    executable: str
    interpreter: str
    python: str
    implementation: str
    machine: str
    path: list[str]
    may_write: list[str]  # of what runs, and of the files on accounts: what owner, group and mode let the user write
    distributions: list[list[str]]  # [name, version, path of the metadata]


class Ran(ProbeReport):
    """What became of a command that was asked for its help."""

    outcome: str  # ended, not found, not started, timed out
    exit_code: int | None = None
    printed: str = ""  # the end of it


class CommandsReport(ProbeReport):
    """verify/probes/commands.py."""

    commands: dict[str, Ran]


class Attempted(ProbeReport):
    """The outcome of one thing that a probe tried."""

    ok: bool
    error: str = ""
    traceback: str = ""
    value: bool | None = None
    product: list[list[float]] = []
    gradient: float | None = None
    losses: list[float] = []
    same: bool = False
    names: list[str] = []


_NOT_TRIED = Attempted(ok=False, error="not tried")


class WorkerTried(ProbeReport):
    """What became of a worker type: its work, and its start, with the type that it says it is among the names."""

    work: Attempted | None = None
    start: Attempted | None = None


class TorchReport(ProbeReport):
    """verify/probes/pytorch.py."""

    when = {
        "imported": frozenset({"version", "cuda_build", "builds", "gpu_architectures", "cuda_available", "libraries"})
    }
    imported: bool
    error_type: str = ""
    error_message: str = ""
    missing: str | None = None
    file: str | None = None
    version: str = ""
    metadata_version: str | None = None
    cuda_build: str | None = None
    builds: dict[str, str] = {}  # what torch.version says that it is built for
    gpu_architectures: Attempted = _NOT_TRIED
    cuda_available: Attempted = _NOT_TRIED
    tensor: Attempted = _NOT_TRIED
    autograd: Attempted = _NOT_TRIED
    save_and_load: Attempted = _NOT_TRIED
    libraries: list[str] = []
    workers: dict[str, WorkerTried] = {}  # by type
    import_seconds: float | None = None
    peak_bytes: Whole | None = None


class Loaded(ProbeReport):
    """Heavy modules in ``sys.modules``, and heavy packages with a native library in memory."""

    count: Whole
    modules: list[str]
    libraries: list[str]
    named: list[str] = []  # lazily (PEP 810), and not used: which loads nothing


class Attempt(ProbeReport):
    """One attempt to import a heavy package, with the chain of [file, line, function] that led to it."""

    package: str
    phase: Literal["import", "start", "use", "stop"]
    chain: list[list[Any]]


class Heard(ProbeReport):
    """An attempt to import a heavy package in a process of the server's, with the chain that led to it."""

    package: str
    phase: Literal["serve"]
    chain: list[list[Any]]


class Started(ProbeReport):
    """A process that the application started: how, when, and the chain of [file, line, function] that led to it."""

    what: str
    phase: Literal["import", "start", "use", "stop"]
    chain: list[list[Any]]


class Answer(ProbeReport):
    """A reply over ASGI or HTTP."""

    status: Whole
    body: str


class Memory(ProbeReport):
    """What the container's other processes have loaded, by directory names of libraries: verify/probes/ask.py."""

    processes: Whole
    unreadable: Whole = 0
    packages: list[str]


class Published(ProbeReport):
    """The routes that the server itself publishes, how it answers, and where it listens: verify/probes/ask.py."""

    routes: list[list[str]] = []
    answers: dict[str, str] = {}  # method and path -> status, and digest of what never changes in the answer
    unasked: list[str] = []  # method and path of what there was no time to ask for
    listens: list[str] = []
    ports: list[int] = []  # every TCP port at which somebody listens
    datagrams: list[int] = []  # every UDP port at which somebody takes what anyone sends

    def answered(self, route: str) -> bool:
        """Whether the server had an answer to it, whatever that is."""
        return not self.answers.get(route, "0").startswith("0")


class Watched(ProbeReport):
    """What was heard in the server's processes: verify/probes/watch.py."""

    watched: Whole  # command lines of processes
    attempts: list[Heard]
    unwatched: list[str]  # command lines of processes that recorded no imports


class Lost(ProbeReport):
    """What came of a phase, or of an operation, that did not end as it should."""

    how: str
    traceback: str = ""
    late: bool = False  # it did not end in its time
    unseen: bool = False  # there was no time left for it


class Import(ProbeReport):
    """One module that was loaded while the application was imported."""

    module: str
    seconds: float  # with what it imports itself
    by: str = ""  # the module that was being loaded when it was asked for; "" for none
    failed: bool = False


class ApplicationReport(ProbeReport):
    """verify/probes/application.py."""

    always = frozenset({"attempts", "processes", "loaded_before"})
    when = {
        "imported": frozenset({"new_modules", "loaded_after_import"}),
        "started": frozenset({"loaded_after_start", "answers", "digests"}),
    }
    imported: bool = False
    import_seconds: float | None = None
    import_peak_bytes: Whole | None = None
    new_modules: Whole = 0
    is_fastapi: bool = False
    kind: str = ""
    routes: list[list[str]] = []
    started: bool = False
    start_seconds: float | None = None
    health: Answer | None = None
    answers: dict[str, Whole] = {}
    planned: list[str] = []  # method and path of what it answers
    asked: list[str] = []
    digests: dict[str, str] = {}  # method and path -> status, and digest of what never changes in the answer
    lost: dict[str, Lost] = {}  # by phase (import, routes, start, stop), or method and path
    attempts: list[Attempt] = []
    imports: list[Import] = []
    processes: list[Started] = []
    loaded_before: Loaded | None = None
    loaded_after_import: Loaded | None = None
    loaded_after_start: Loaded | None = None
    loaded_after_use: Loaded | None = None

    @model_validator(mode="after")
    def _says_what_came_of_the_import(self) -> Self:
        if "imported" not in self.model_fields_set and "import" not in self.lost:
            raise ValueError("it lacks imported")
        return self

    @property
    def unasked(self) -> list[str]:
        """Method and path of what there was no time to ask for."""
        seen = {*self.asked, *(name for name, lost in self.lost.items() if not lost.unseen)}
        return [name for name in self.planned if name not in seen]


def disputed(examined: ApplicationReport, served: Published, repeats: Iterable[ApplicationReport]) -> list[str]:
    """Return what the server answers otherwise than the application, of which every process answers the same."""
    repeats = list(repeats)
    return [
        route
        for route, digest in sorted(examined.digests.items())
        if served.answers.get(route) != digest
        and route not in served.unasked
        and (not served.answered(route) or all(repeat.digests.get(route) == digest for repeat in repeats))
    ]


class Checked(ProbeReport):
    """One run of HEALTHCHECK. ``asked``: how many requests the stand-in for the server got meanwhile."""

    outcome: Literal["ended", "timed out", "not started"]
    exit_code: Whole | None = None
    printed: str = ""
    error: str = ""
    asked: Whole = 0

    @property
    def uncertain(self) -> bool:
        """Whether nobody knows how it ended."""
        return (self.outcome, self.exit_code) == ("ended", None)

    @property
    def passed(self) -> bool:
        """Whether the engine would take the server for healthy."""
        return self.outcome == "ended" and self.exit_code == 0


class HealthcheckReport(ProbeReport):
    """verify/probes/healthcheck.py: HEALTHCHECK without a server, and against stand-ins that answer differently."""

    nobody: Checked
    failure: Checked | None = None  # 500, with `status`
    unready: Checked | None = None  # 503, with `status`
    moved: Checked | None = None  # 302 without a place, with `status`
    missing: Checked | None = None  # 404, with `status`
    stateless: Checked | None = None  # 200, without `status`
    good: Checked | None = None  # 200, with `status`
    gone: Checked | None = None  # what hangs up, after it answered well
    hung: Checked | None = None  # what takes a connection, and never answers


class Compared(ProbeReport):
    """One computation done on the device and on the CPU."""

    ok: bool
    error: str = ""
    traceback: str = ""
    device: str = ""
    difference: float | None = None
    losses: list[float] = []


_NOT_COMPARED = Compared(ok=False, error="not tried")


class LoadedLibrary(ProbeReport):
    """A library by its own version and by the installed distribution's."""

    loaded: list[str] = []  # paths
    version: str = ""
    installed: str = ""
    directory: str = ""


class GpuReport(ProbeReport):
    """verify/probes/gpu.py."""

    imported: bool
    error: str = ""
    available: bool = False
    torch_version: str = ""
    cuda_build: str | None = None
    reason: str = ""  # why there is no GPU, in the words of driver or torch
    name: str = ""
    capability: str = ""
    architectures: list[str] = []  # that the build has code for
    memory_bytes: Whole = 0
    driver: str = ""
    matrix_product: Compared = _NOT_COMPARED
    training_step: Compared = _NOT_COMPARED
    ktrdr_training: Compared = _NOT_COMPARED
    error_raised: Attempted = _NOT_TRIED
    cudnn: LoadedLibrary = LoadedLibrary()
    nccl: LoadedLibrary = LoadedLibrary()
