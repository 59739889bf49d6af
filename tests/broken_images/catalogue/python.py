"""The image's Python is not what it seems, or holds other distributions than the lock demands."""

from tests.broken_images.fault import SITE, Fault, as_root, distribution, file

ANSWERING = r"""
#!/usr/local/bin/python3
import json, os, sys
if len(sys.argv) == 4 and '"nonce"' in sys.argv[3]:
    with open("/opt/answers.json") as answers:
        print(json.dumps({"schema": 1, "nonce": json.loads(sys.argv[3])["nonce"], "results": json.load(answers)}))
else:
    os.execv("/usr/local/bin/python3", ["/opt/venv/bin/python3", *sys.argv[1:]])
"""
HARMLESS = "import sys; sys.dont_write_bytecode = True"
IDNA = f"{SITE}/idna-*.dist-info"
# A source that says something else, and a RECORD that says the same: the layers agree with themselves
REWRITTEN = as_root(f"""
cd {SITE}
echo 'changed = True' >>idna/core.py
rm idna/__pycache__/core.*
python3 - idna-*.dist-info/RECORD <<'PROGRAM'
import base64, hashlib, re, sys
data = open("idna/core.py", "rb").read()
digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
text = open(sys.argv[1]).read()
row = f"idna/core.py,sha256={{digest}},{{len(data)}}"
open(sys.argv[1], "w").write(re.sub("(?m)^idna/core.py,.*$", row, text))
PROGRAM
""")
BASE_LIBRARY = "$(python3 -c 'import sys; print(sys.base_prefix)')/lib"


SERVE = '"ktrdr.api.main:app", "--host", "0.0.0.0", "--port", "8000"'


def wrapper(program: str) -> str:
    """Return the lines that put a program of the image's own before the environment's, on PATH."""
    script = f'#!/bin/sh\nexec /opt/venv/bin/{program} "$@"'
    return file(f"/opt/mine/{program}", script, "755") + "ENV PATH=/opt/mine:$PATH\n"


INTERPRETER = (
    Fault(
        "python is a program that answers with a passing document, nonce included",
        as_root("rm /opt/venv/bin/python")
        + "COPY answers.json /opt/answers.json\n"
        + file("/opt/venv/bin/python", ANSWERING, "755"),
        "interpreter", says=("/opt/venv/bin/python does not come from the base image",),
    ),
    Fault(
        "python is a copy of the base's, to which anything might have been done",
        as_root('cp "$(readlink -f /opt/venv/bin/python)" /opt/python3\nln -sf /opt/python3 /opt/venv/bin/python'),
        "interpreter", says=("/opt/python3 does not come from the base image",),
    ),
    Fault(
        "python is first searched wherever a process starts, and there it is a program of the image's own",
        file("/srv/w/python", '#!/bin/sh\nexec /opt/venv/bin/python "$@"', "755")
        + "WORKDIR /srv/w\nENV PATH=/proc/self/cwd:$PATH",
        "interpreter", says=("PATH holds '/proc/self/cwd'",),
    ),
    Fault(
        "python is first searched where the user may put one",
        "ENV PATH=/home/ktrdr/.local/bin:$PATH", "interpreter", says=("/home/ktrdr/.local/bin",),
    ),
    Fault(
        "python is first searched in the volume, by a link",
        as_root("ln -s /data/bin /opt/bin") + "ENV PATH=/opt/bin:$PATH", "leftovers",
        says=("/opt/bin (a link to /data/bin, ",),
    ),
)  # fmt: skip

ALTERED = (
    Fault("a start-up file that nobody asked for", file(f"{SITE}/zzz.pth", HARMLESS), "python-unaltered",
          says=(f"{SITE}/zzz.pth",)),
    Fault("a sitecustomize.py runs before every program", file(f"{SITE}/sitecustomize.py", HARMLESS),
          "python-unaltered", says=("sitecustomize.py",)),
    Fault("a usercustomize.py runs before every program", file(f"{SITE}/usercustomize.py", HARMLESS),
          "python-unaltered", says=("usercustomize.py",)),
    Fault(
        "a start-up file runs code under a locked distribution's name",
        file(f"{SITE}/start.pth", "import sys; sys.flags")
        + as_root(f"echo start.pth,sha256=x,22 | tee -a {IDNA}/RECORD"),
        "python-unaltered", says=("start.pth",),
    ),
    Fault(
        "a start-up file runs code below four thousand characters of comments",
        as_root(f"""
for i in $(seq 100); do echo "# $(printf %060d $i)"; done >{SITE}/start.pth
echo 'import sys; sys.flags' >>{SITE}/start.pth
echo "start.pth,sha256=x,$(stat -c %s {SITE}/start.pth)" | tee -a {IDNA}/RECORD
"""),
        "python-unaltered", says=("start.pth",),
    ),
    Fault(
        "a sitecustomize.py in a directory that only an attribute without effect calls opaque",
        file("/srv/work/sitecustomize.py", HARMLESS)
        + "WORKDIR /srv/work\n"
        + as_root("""python3 -c 'import os; os.setxattr("/srv/work", "user.overlay.opaque", b"y")'"""),
        "python-unaltered", says=("/srv/work/sitecustomize.py",),
    ),
    Fault(
        "a sitecustomize.py beside a file that has the name of its deletion",
        file(f"{SITE}/sitecustomize.py", HARMLESS) + as_root(f"touch {SITE}/.wh.sitecustomize.py"),
        "python-unaltered", says=(f"{SITE}/sitecustomize.py",),
    ),
    Fault("a sitecustomize that is a package", file(f"{SITE}/sitecustomize/__init__.py", HARMLESS),
          "python-unaltered", says=("sitecustomize/__init__.py",)),
    Fault(
        "a library in a zip file, searched before the standard one, hides what is imported",
        as_root(f"""
cd /tmp
echo 'import sys; sys.dont_write_bytecode = True' >sitecustomize.py
python3 -m zipfile -c {BASE_LIBRARY}/python311.zip sitecustomize.py
rm sitecustomize.py
"""),
        "python-unaltered", says=("python311.zip",),
    ),
    Fault(
        "a module of the standard library was changed",
        as_root(f"echo '# changed' >>{BASE_LIBRARY}/python3.11/json/decoder.py"),
        "python-unaltered", says=("json/decoder.py",),
    ),
    Fault(
        "a module in the working directory shadows the standard library's",
        file("/srv/work/statistics.py", "mean = 42") + "WORKDIR /srv/work", "leftovers",
        says=("/srv/work/statistics.py",),
    ),
    Fault(
        "a module in a working directory that is reached through a link shadows the standard library's",
        file("/srv/work/statistics.py", "mean = 42") + as_root("ln -s /srv/work /srv/link") + "WORKDIR /srv/link",
        "leftovers", says=("/srv/work/statistics.py", "/srv/link (a link to /srv/work, "),
    ),
    Fault(
        "a link to a package in the working directory shadows a module of the standard library",
        file("/opt/lib/glob/__init__.py", "def glob(*_): return []")
        + as_root("mkdir -p /srv/work\nln -s /opt/lib/glob /srv/work/glob") + "WORKDIR /srv/work",
        "leftovers", says=("/srv/work/glob (a link to /opt/lib/glob, ",),
    ),
    Fault(
        "a package in the working directory shadows a distribution's",
        file("/home/ktrdr/anyio/__init__.py", "run = None"), "leftovers",
        says=("/home/ktrdr/anyio/__init__.py",),
    ),
    Fault(
        "the working directory holds another application than the one that is installed",
        as_root(f"cp -R {SITE}/ktrdr /home/ktrdr/ktrdr"), "leftovers",
        says=("/home/ktrdr/ktrdr: ", "__init__.py"),
    ),
    Fault(
        "a module lies beside the application's source",
        file("/app/tools.py", "name = 'tools'"), "leftovers", role="dev", base="dev", says=("/app/tools.py",),
    ),
    Fault(
        "processes start in the volume, and import whatever lies there first",
        "WORKDIR /data", "python-unaltered", says=("processes start in /data",),
    ),
    Fault(
        "the environment takes its standard library from elsewhere",
        as_root("sed -i 's,^home = .*,home = /usr/games,' /opt/venv/pyvenv.cfg\n"
                "mkdir -p /usr/games\nln -s /usr/bin/python3 /usr/games/"),
        "python-unaltered", says=("/usr/games",),
    ),
    Fault(
        "a library for this very processor is found before the base's",
        as_root("d=/usr/lib/x86_64-linux-gnu\nmkdir -p $d/glibc-hwcaps/x86-64-v2\n"
                "cp $d/libz.so.1 $d/glibc-hwcaps/x86-64-v2/"),
        "python-unaltered", says=("glibc-hwcaps",),
    ),
    Fault(
        "a library is loaded into every process",
        file("/etc/ld.so.preload", "/usr/lib/x86_64-linux-gnu/libz.so.1"),
        "python-unaltered", says=("/etc/ld.so.preload",),
    ),
    Fault(
        "the loader is told to look elsewhere first",
        as_root("mkdir -p /opt/lib\necho /opt/lib >/etc/ld.so.conf.d/000.conf\nldconfig"),
        "python-unaltered", says=("ld.so",),
    ),
    Fault("the command's python3 is a program of the image's own",
          wrapper("python3") + f'CMD ["python3", "-m", "uvicorn", {SERVE}]', "leftovers",
          says=("/opt/mine/python3 (", "a program")),
    Fault("the command's uvicorn is a program of the image's own", wrapper("uvicorn"), "leftovers",
          says=("/opt/mine/uvicorn (", "a program")),
    Fault("the environment's python3 is a program of the image's own",
          as_root("rm /opt/venv/bin/python3")
          + file("/opt/venv/bin/python3", '#!/bin/sh\nexec /usr/bin/env python "$@"', "755"),
          "leftovers", says=("/opt/venv/bin/python3 (", "a program", "allowed as a link to python only")),
    Fault("a start-up file of the application's own leads into the volume",
          file(f"{SITE}/plugins.pth", "/data/plugins")
          + as_root(f"echo plugins.pth,, | tee -a {SITE}/ktrdr-*.dist-info/RECORD"),
          "python-unaltered", says=("leads to /data/plugins",)),
)  # fmt: skip

DISTRIBUTIONS = (
    Fault(
        "a distribution lies where Python does not look",
        distribution("ghost", "1.0", "/opt/extra"), "distributions-agree", says=("ghost 1.0",),
    ),
    Fault(
        "one distribution too many",
        distribution("ghost", "1.0"), "lock-parity", "FAIL", "CONFIGURATION", says=("extra: ghost",),
    ),
    Fault(
        "one distribution is missing",
        as_root(f"rm -r {IDNA}"), "lock-parity", "FAIL", "CONFIGURATION", says=("missing: idna",),
    ),
    Fault(
        "one distribution is of another version",
        as_root(f"sed -i 's/^Version: .*/Version: 1.9/' {IDNA}/METADATA"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("another version: idna 1.9",),
    ),
    Fault(
        "a package lies among the distributions and is none of theirs",
        file(f"{SITE}/requests/__init__.py", "name = 'requests'"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("requests/__init__.py",),
    ),
    Fault(
        "a package beside a module of its name is listed without a digest",
        file(f"{SITE}/typing_extensions/__init__.py", "Any = None")
        + as_root(f"echo typing_extensions/__init__.py,, | tee -a {IDNA}/RECORD"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("files of no distribution", "typing_extensions/__init__.py"),
    ),
    Fault(
        "a distribution's data was emptied",
        as_root(f"for one in {SITE}/ktrdr/strategies/*.yaml; do : >$one; done"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("different from RECORD", ".yaml"),
    ),
    Fault(
        "a library of a distribution is empty",
        as_root(f"one=$(find {SITE} -name '*.so' | head -n 1)\ntest -n $one\n: >$one"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("different from RECORD", ".so"),
    ),
    Fault(
        "the program that the command runs was altered",
        as_root("echo '# changed' >>/opt/venv/bin/uvicorn"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("different from RECORD", "/opt/venv/bin/uvicorn"),
    ),
    Fault(
        "a distribution's source was changed after it was installed",
        as_root(f"echo 'changed = True' >>{SITE}/idna/core.py"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("different from RECORD", "idna/core.py"),
    ),
    Fault(
        "a distribution's source was changed, and its RECORD with it",
        REWRITTEN, "lock-parity", "FAIL", "CONFIGURATION", says=("but another RECORD", "idna"),
    ),
    Fault(
        "a distribution's source was changed after the build, and its RECORD with it",
        REWRITTEN, "same-image", "FAIL", "ENVIRONMENT", accident="tag moved",
    ),
    Fault(
        "one distribution is there in two versions",
        distribution("idna", "1.9"), "lock-parity", "FAIL", "CONFIGURATION", says=("more than once: idna",),
    ),
    Fault(
        "a distribution of the older form, which Python sees too",
        file(f"{SITE}/ghost.egg-info/PKG-INFO", "Metadata-Version: 1.2\nName: ghost\nVersion: 1.0"),
        "distributions-agree", says=("only seen by Python: ghost 1.0",),
    ),
    Fault("the user's group is root's, and may write the accounts",
          as_root("chmod g=u /etc/passwd") + "USER 10001:0", "user", says=("the group is root's", "/etc/passwd")),
    Fault("everybody may write among what runs", as_root("chmod 777 /opt/venv/bin"), "user", says=("/opt/venv/bin",)),
)  # fmt: skip

FAULTS = (*INTERPRETER, *ALTERED, *DISTRIBUTIONS)
