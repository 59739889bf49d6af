"""What the figures were taken on."""

import os
import platform
import re
from pathlib import Path

from bench.model import Machine
from deploy.engine.connection import Engine


def describe(engine: Engine) -> Machine:
    """Return this machine's processor, memory and system, and the engine (proc(5), os-release(5))."""
    processor = re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = re.search(r"(?m)^MemTotal:\s*(\d+) kB$", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return Machine(
        processor=processor[1].strip() if processor else platform.machine(),
        cores=os.cpu_count() or 1,
        memory_bytes=int(memory[1]) * 1024 if memory else 0,
        system=platform.freedesktop_os_release()["PRETTY_NAME"],
        kernel=platform.release(),
        engine=f"Docker {engine.version}, {engine.storage_driver}",
    )
