"""The part of the contract that says how an image's server runs: within limits, idle at rest, and to a clean end."""

from typing import Annotated

from pydantic import AfterValidator, Field

from deploy.configuration import Strict
from deploy.sizes import Bytes

Count = Annotated[int, Field(ge=1)]
LEAST_MEMORY = 6 * 2**20  # bytes: a Docker Engine starts no container with less
MOST_PROCESSES = 2**22  # Linux numbers no more (PID_MAX_LIMIT)


def startable(memory: int) -> int:
    """Refuse less memory than a Docker Engine takes."""
    if memory < LEAST_MEMORY:
        raise ValueError('write "6.3 MB" or more: a Docker Engine takes 6 MiB at least')
    return memory


class Limits(Strict):
    """What a container of an image may use, in verification as in compose.yaml; processors in the latter alone."""

    processors: Annotated[float, Field(gt=0)]  # an engine refuses more than its host has
    memory: Annotated[Bytes, AfterValidator(startable)]
    processes: Annotated[int, Field(ge=1, le=MOST_PROCESSES)]  # threads count, too
    open_files: Count  # of each process


class Serving(Strict):
    """How the server of every image behaves."""

    rest_seconds: Annotated[float, Field(ge=1, le=60)]  # how long it is watched while nobody asks
    busy_at_most: Annotated[float, Field(ge=0, le=1)]  # of one processor, while nobody asks
    log_at_most: Bytes  # on the engine, from the start to the end
    log_file_at_most: Bytes  # compose.yaml: then the engine begins another one
    log_files: Count  # and keeps so many of them
    stop_seconds: Annotated[float, Field(ge=1, le=60)]  # from the engine's stop signal to the end
    exit_code: Annotated[int, Field(ge=0, le=255)]
