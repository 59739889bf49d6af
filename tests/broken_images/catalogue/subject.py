"""The subject is not what was built, or what it answers is no proof that it was looked at."""

from tests.broken_images.fault import SITE, Fault, as_root, file, into

PTH = f"{SITE}/zzz.pth"  # a line of it that begins with `import` runs when any Python of the image starts
NO_DOCUMENT = ("not one JSON document",)

FAULTS = (
    Fault(
        "the image was removed after the build",
        "", "image-present", "ERROR", "ENVIRONMENT", accident="image removed",
    ),
    Fault(
        "the record of the build is gone, as after a build that failed",
        "", "built-here", "ERROR", "ENVIRONMENT", accident="record lost",
    ),
    Fault(
        "the engine makes no container, not even of the base image",
        "", "control", "ERROR", "ENVIRONMENT", accident="engine refuses", says=("unable to apply cgroup",),
    ),
    Fault(
        "the source was changed after the build",
        "", "built-here", "ERROR", "ENVIRONMENT", accident="source changed", says=("have changed since",),
    ),
    Fault(
        "the tag was moved to another image after the build",
        "ENV KTRDR_LOG_LEVEL=debug", "same-image", "FAIL", "ENVIRONMENT", accident="tag moved",
    ),
    Fault(
        "the tag was moved to the image of another role",
        "", "same-image", "FAIL", "ENVIRONMENT", base="worker-cpu", accident="tag moved",
    ),
    Fault("python is not on the PATH", "ENV PATH=/nowhere", "python-runs", says=("not found",)),
    Fault(
        "there is no Python at all",
        as_root("rm /opt/venv/bin/python* $(find /usr/bin /usr/local/bin -name 'python3*')"),
        "python-runs", says=("not found",),
    ),
    Fault("python is there and cannot be run", as_root("chmod 600 /opt/venv/bin /opt/venv/bin/*"), "python-runs"),
    Fault(
        "a part of Python without which it does not start is gone",
        as_root("rm -r \"$(python3 -c 'import encodings; print(encodings.__path__[0])')\""), "python-runs",
    ),
    Fault("the command that people type does not start", into("cli", "import torhc", at="top"), "commands-run",
          says=("ktrdr: ended with 1", "No module named 'torhc'")),
    Fault("the command that people type is gone", as_root("rm /opt/venv/bin/ktrdr"), "commands-run",
          says=("ktrdr: not found",)),
    Fault("the user is a name that the image does not know", "USER nobody-knows", "python-runs",
          says=("unable to find user",)),
    Fault(
        "every Python greets, so that the probes' document is not the only thing printed",
        file(PTH, "import sys; print('welcome')"), "proof", "ERROR", "ENVIRONMENT", says=NO_DOCUMENT,
    ),
    Fault(
        "everything is printed twice",
        file(PTH, "import sys; sys.stdout.write = lambda text, write=sys.stdout.write: write(text * 2)"),
        "proof", "ERROR", "ENVIRONMENT", says=NO_DOCUMENT,
    ),
    Fault(
        "everything that is printed is cut off",
        file(PTH, "import sys; sys.stdout.write = lambda text, write=sys.stdout.write: write(text[: len(text) // 2])"),
        "proof", "ERROR", "ENVIRONMENT", says=NO_DOCUMENT,
    ),
    Fault(
        "what is printed is not UTF-8",
        file(PTH, "import os, sys; os.write(1, b'\\xff\\xfe') if '-c' in sys.orig_argv else None"),
        "proof", "ERROR", "ENVIRONMENT", says=NO_DOCUMENT,
    ),
    Fault(
        "nothing is printed", file(PTH, "import os; os.close(1)"), "proof", "ERROR", "ENVIRONMENT",
        says=("printed nothing",),
    ),
    Fault(
        "the probes' document drowns in 200 MB of noise that is not UTF-8",
        file(PTH, "import os, sys; [os.write(1, b'\\xff' * 65536) for _ in range(3200) if '-c' in sys.orig_argv]"),
        "proof", "ERROR", "ENVIRONMENT", says=("printed more than",),
    ),
)  # fmt: skip
