"""What never ends, has children without end, or eats all memory: bounded, stopped and told."""

from tests.broken_images.catalogue.server import served_by
from tests.broken_images.fault import SITE, Fault, file, into_main
from tests.support.checkout import read_contract

MEMORY = read_contract().images["backend"].limits.memory
LATE = ("ran out of time",)
# The child's pages come at once, as many as the container may have and as many again; only then the server begins
HUNGRY_CHILD = f"""
import mmap, os, uvicorn
child = os.fork()
if child == 0:
    mmap.mmap(-1, {2 * MEMORY}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
    os._exit(0)
os.waitpid(child, 0)
uvicorn.run("ktrdr.api.main:app", host="0.0.0.0", port=8000)
"""

FAULTS = (
    Fault(
        "Python never starts", file(f"{SITE}/zzz.pth", "import time; time.sleep(10**6)"),
        "proof", "ERROR", "ENVIRONMENT", seconds=8.0, says=("did not end within",),
    ),
    Fault("the import of the application never ends", into_main("import time\nwhile True:\n    time.sleep(60)"),
          "api-imports", "ERROR", "ENVIRONMENT", seconds=30.0, says=LATE),
    Fault("the import of the application computes without end", into_main("while True:\n    pass"),
          "api-imports", "ERROR", "ENVIRONMENT", seconds=30.0, says=LATE),
    Fault("the application has children without end",
          into_main("import os\nwhile True:\n    with contextlib.suppress(OSError):\n        os.fork()"),
          "api-imports", "ERROR", "ENVIRONMENT", seconds=12.0),
    Fault("the application eats all memory", into_main("hoard = []\nwhile True:\n    hoard.append(b'x' * 10**8)"),
          "proof", "ERROR", "ENVIRONMENT", says=("something in it was killed for want of memory",), seconds=120.0),
    Fault("a child of the server is killed because it eats all memory, and the server serves on",
          served_by(HUNGRY_CHILD), "server-healthy",
          says=("it runs on", "something in it was killed for want of memory"), seconds=60.0),
)  # fmt: skip
