"""What reading an image for the first time costs, beside the engine's export of it into nothing."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from functools import partial

from bench.checkout import ROOT
from bench.measure import SECONDS, Sample, alternate, busy_seconds, run
from bench.model import Figure
from bench.workplace import Workplace
from deploy.artifacts import BUILD
from deploy.build_record import BuildRecord
from deploy.contract import Image
from verify.contents.ways import THIS_MACHINE

# With a cache of its own: nothing is known of any layer. The clock starts where a build's does, when all is imported.
READ = """
import contextlib, sys, time
from pathlib import Path
from deploy.build_record import Base
from deploy.engine import connection
from deploy.image_config import ImageConfig
from verify.contents import cache, ways
ways.THIS_MACHINE = sys.argv[3]  # where it is none, the engine counts as another machine's
client = connection.sdk(connection.find_engine(), timeout=1800.0)
config = ImageConfig.from_inspect(client.api.inspect_image(sys.argv[1]))
permit = ways.Permit(Base.model_validate_json(sys.argv[4]), {}, contextlib.nullcontext)
began = time.monotonic()
cache.contents_of(client, config, Path(sys.argv[2]), permit=permit)
print(time.monotonic() - began)
"""


def figures(place: Workplace) -> Iterator[Figure]:
    """Read each image's layers as if never seen; `docker save` of the same image beside it."""
    for image in place.images:
        place.say(f"reading {image.role} as if never seen")
        here, there, other = alternate(
            place.rounds,
            ("contents, never seen", partial(_read, place, image, THIS_MACHINE)),
            ("contents, never seen, read by a container", partial(_read, place, image, "")),
            ("docker save piped into nothing", partial(_saved, place, image.name)),
        )
        name = f"contents of {image.role}"
        yield Figure(name=name, unit="s", ours=here, other=other, at_most=0.25)
        yield Figure(name=f"{name}, by a container", unit="s", ours=there, other=other, at_most=0.4)


def _read(place: Workplace, image: Image, machine: str) -> Sample:
    base = place.artifacts.read(image.role, BUILD, BuildRecord).base.model_dump_json()
    cpu = busy_seconds()
    command = [sys.executable, "-c", READ, image.name, str(place.directory / uuid.uuid4().hex), machine, base]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=SECONDS).stdout
    return Sample(float(printed), busy_seconds() - cpu, peak_bytes=0)


def _saved(place: Workplace, name: str) -> Sample:
    return run(["sh", "-c", '"$@" | cat >/dev/null', "sh", *place.docker("save", name)])
