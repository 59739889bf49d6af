"""What never ends, has children without end, or eats all memory: bounded, stopped and told."""

from tests.broken_images.fault import SITE, Fault, file, into_main

LATE = ("ran out of time",)

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
          "proof", "ERROR", "ENVIRONMENT", says=("memory limit",), seconds=120.0),
)  # fmt: skip
