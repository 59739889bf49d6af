"""What operators reported, and odd images of theirs that are right: cases beside those that the other lists have."""

import json

from deploy.configuration import Configuration
from tests.broken_images.catalogue.alike import ANY, BACKEND, SERVE, configured, named
from tests.broken_images.catalogue.application import IMPATIENT
from tests.broken_images.catalogue.configuration import ASK, setting
from tests.broken_images.catalogue.secrets import TOKEN
from tests.broken_images.catalogue.serving import middleware
from tests.broken_images.catalogue.sources import CHANGED
from tests.broken_images.fault import (
    ADDRESS,
    API,
    PACKAGE,
    SECRET,
    SITE,
    Fault,
    allowing,
    as_root,
    file,
    good,
    into,
    into_main,
)

DEV, GPU = "dev", "worker-gpu"
ODD = "caf\\351\\001.txt"  # as printf writes it: a byte that is no UTF-8, and one that no terminal shows
CHECKOUT = "checkout-parity"
# A HEALTHCHECK that asks whatever address of its own a name has first
FIRST_ADDRESS = """
import http.client, json, socket, sys
family, kind, _, _, place = socket.getaddrinfo("localhost", 8000, type=socket.SOCK_STREAM)[0]
client = http.client.HTTPConnection("localhost", 8000)
client.sock = socket.socket(family, kind)
client.sock.connect(("::1", *place[1:]) if ":" in place[0] else ("127.0.0.2", *place[1:]))
client.request("GET", "{API}/health")
sys.exit(json.load(client.getresponse()).get("status") != "ok")
"""
PLUGIN = "import contextlib\nwith contextlib.suppress(ImportError):\n    import torch\ndef plugin():\n    return None"
PLUGGED = f"""
mkdir {SITE}/heavy_plugin-1.dist-info
cd {SITE}/heavy_plugin-1.dist-info
printf 'Metadata-Version: 2.1\\nName: heavy-plugin\\nVersion: 1\\n' >METADATA
printf '[pydantic]\\nheavy = heavy_plugin:plugin\\n' >entry_points.txt
"""
EDITABLE = f"""
mkdir -p /opt/venv/src
mv {SITE}/ktrdr /opt/venv/src/ktrdr
echo /opt/venv/src >{SITE}/_editable_ktrdr.pth
"""
PASS_ON = ["sh", "-c", "exec uvicorn ktrdr.api.main:app --host 0.0.0.0 --port 8000"]
SLOWER = ["python", "-m", *SERVE, "8000", "--loop", "asyncio", "--http", "h11", "--timeout-keep-alive", "75"]
IN_UTC = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONFAULTHANDLER": "1"}
LOOKED_UP = (
    "import importlib, importlib.util\nif importlib.util.find_spec('torch'):\n    importlib.import_module('torch')"
)

ENTERED = "/opt/entry.sh"
ENTRY = '#!/bin/sh\necho "the server starts"\nexec "$@"'
SERVED = f"CMD {json.dumps(BACKEND.configuration.command)}"  # which an entry point in an image takes away

FILES = (
    Fault("a token under a name that no terminal shows",
          as_root(f"printf 'note = {TOKEN}' >\"$(printf '/opt/{ODD}')\""), "leftovers",
          says=("/opt/caf\\xe9", "credentials"), hides=TOKEN),
    Fault("a .env is made, removed and made again",
          (f"RUN echo UPLOAD_TOKEN={SECRET} >/home/ktrdr/.env\n" + "RUN rm /home/ktrdr/.env\n") * 2, "leftovers",
          says=("/home/ktrdr/.env (", "removed later"), hides=SECRET),
    Fault("no module has bytecode", as_root(f"find {SITE} -name __pycache__ -exec rm -r {{}} +"), "lock-parity", "FAIL",
          "CONFIGURATION", says=("without bytecode", "annotated-types", "fastapi")),
    Fault("the application's modules have no bytecode",
          as_root(f"find {SITE}/ktrdr -name __pycache__ -exec rm -r {{}} +"), "lock-parity", "FAIL", "CONFIGURATION",
          says=("without bytecode", "anew: ktrdr")),
    Fault("the development image's source has no bytecode",
          as_root("find /app/ktrdr -name __pycache__ -exec rm -r {} +"), "lock-parity", "FAIL", "CONFIGURATION",
          role=DEV, base=DEV, says=("without bytecode", "anew: ktrdr")),
    Fault("the page is missing", as_root(f"rm -r {PACKAGE['backend']}/api/page/static"), CHECKOUT,
          says=("missing:", "api/page/static/")),
    Fault("clients are shown tracebacks", into_main("app.debug = True"), CHECKOUT,
          says=("another content:", "api/main.py")),
    Fault("the GPU image's training computes on the processor, whatever there is",
          into("training/pipeline", "import torch\ntorch.cuda.is_available = lambda: False"), CHECKOUT,
          role=GPU, base=GPU, says=("another content:", "training/pipeline.py")),
    Fault("the application is installed as its source, in production", as_root(EDITABLE), "python-unaltered",
          says=("_editable_ktrdr.pth",)),
)  # fmt: skip

PYTHON = (
    Fault("the environment takes the system's packages, too",
          as_root("sed -i 's/site-packages = false/site-packages = true/' /opt/venv/pyvenv.cfg"), "python-unaltered",
          says=("modules are searched in", "dist-packages")),
    Fault("torch is looked up, found, and imported", into_main(LOOKED_UP, base=DEV), "lazy-import", role=DEV, base=DEV,
          says=("api/main.py",)),
    Fault("a part of torch is looked up, which imports torch", into_main(
        "import importlib.util\nwith contextlib.suppress(ImportError):\n    importlib.util.find_spec('torch.cuda')"),
        "lazy-import", says=("api/main.py",)),
    Fault("LazyLoader registered torch, and its first use executes it", into_main(
        "import importlib.util, sys\n_spec = importlib.util.find_spec('torch')\n"
        "_spec.loader = importlib.util.LazyLoader(_spec.loader)\n_module = importlib.util.module_from_spec(_spec)\n"
        "sys.modules['torch'] = _module\n_spec.loader.exec_module(_module)\n_module.__version__", base=DEV),
        "lazy-import", role=DEV, base=DEV, says=("torch",)),
    Fault("a plugin of another distribution's tries to import torch",
          file(f"{SITE}/heavy_plugin.py", PLUGIN) + as_root(PLUGGED), "lazy-import",
          says=("heavy_plugin.py",)),
)  # fmt: skip

SERVER = (
    Fault("HEALTHCHECK asks at an address where nobody listens",
          file("/opt/check.py", FIRST_ADDRESS.replace("{API}", API))
          + 'HEALTHCHECK --interval=1s --timeout=5s CMD ["python", "/opt/check.py"]', "healthcheck-tells",
          says=("fails at a 200 with `status`",)),
    Fault("the user may not write the data",
          as_root("chown -R 0:0 /data\nchmod 755 /data") + IMPATIENT, "server-healthy", says=("cannot be opened",),
          seconds=60.0),
    Fault("the server listens to IPv6 alone",
          f"CMD {json.dumps([*SERVE, '8000']).replace(ANY, '::')}\n{IMPATIENT}", "server-healthy", seconds=60.0),
    setting("HEALTHCHECK's words go through a shell",
            f"HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD {' '.join(ASK)} || exit 1",
            "HEALTHCHECK", "|| exit 1"),
)  # fmt: skip

OTHER_PATCH = """
FROM $BASE
RUN v=$(python3 -c 'import platform; print(platform.python_version())') && for f in $(readlink -f $(which python3)) \\
    $(find / -xdev -name 'libpython3*.so*' -type f); do sed -i "s/$v/${v%?}7/g" $f; done
RUN install -d -o 10001 -g 10001 /home/ktrdr /data
COPY --from=0 /etc/passwd /etc/group /etc/
COPY --from=0 /opt /opt
ENV PATH=/opt/venv/bin:$PATH HOME=/home/ktrdr
USER 10001:10001
"""
MADE_ANEW = f"""
for path in {SITE}/*.dist-info/METADATA; do
    case $path in */ktrdr-*) continue ;; esac
    cp $path /tmp/copy
    rm $path
    mv /tmp/copy $path
done
"""

# Beside the good backend, under another role's name
TOGETHER = (
    Fault(
        "the images have different bases",
        OTHER_PATCH,
        "same-base",
        "FAIL",
        "CONFIGURATION",
        role=DEV,
        base_grows=1,
        says=("in backend", "in dev"),
    ),
    Fault(
        "the images' Pythons differ in the patch",
        OTHER_PATCH,
        "same-python",
        "FAIL",
        "CONFIGURATION",
        role=DEV,
        base_grows=1,
        says=("in backend", "in dev"),
    ),
    Fault(
        "the layer that images share was made anew for one of them",
        as_root(MADE_ANEW),
        "same-layers",
        "FAIL",
        "CONFIGURATION",
        role=DEV,
        says=("in backend", "in dev"),
    ),
)

# What leaves something behind with every request, until a limit is reached
LEAKS = (
    Fault("a thread stays with every request", middleware(
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\nreturn await call_next(request)",
        "import threading"),
        "server-at-rest", says=("threads more stay after every request was repeated",)),
    Fault("a file stays open with every request", middleware(
        "LEFT.append(open('/etc/passwd'))\nreturn await call_next(request)", "LEFT = []"), "server-at-rest",
        says=("files more stay after every request was repeated",)),
    Fault("a connection to another server stays open with every request", middleware(
        "LEFT.append(socket.create_connection(LISTENING.getsockname()))\nreturn await call_next(request)",
        "import socket\nLEFT = []\nLISTENING = socket.create_server(('127.0.0.1', 0), backlog=500)"),
        "server-at-rest", says=("files more stay after every request was repeated",)),
)  # fmt: skip

# What a person changed who meant well
CHANGED_BY_HAND = (
    Fault("strategies are a link into the volume",
          as_root(f"rm -r {SITE}/ktrdr/strategies\nln -s /data/strategies {SITE}/ktrdr/strategies"), CHECKOUT,
          says=("missing:", "strategies/mlp_fx_hourly.yaml")),
    Fault("the data's directory is a link",
          as_root("rm -r /data\ninstall -d -o 10001 -g 10001 /mnt/data\nln -s /mnt/data /data"), "leftovers",
          says=("/data (a link to /mnt/data",)),
    Fault("the base's packages come from a company's mirror",
          as_root("mkdir -p /etc/apt/sources.list.d\necho deb >>/etc/apt/sources.list.d/debian.sources"), "leftovers",
          says=("/etc/apt/sources.list.d/debian.sources", "takes packages from")),
    Fault("a company's certificate is among the base's",
          as_root("mkdir -p /etc/ssl/certs\necho x >>/etc/ssl/certs/ca-certificates.crt"), "leftovers",
          says=("/etc/ssl/certs/ca-certificates.crt",)),
    Fault("a home is made with what shells read", as_root("cp -r /etc/skel/. /home/ktrdr/"), "leftovers",
          says=("/home/ktrdr", ".bashrc")),
    Fault("packages lie beside the environment, and a start-up file leads there",
          file("/opt/extra/helper.py", "x = 1") + file(f"{SITE}/extra.pth", "/opt/extra"), "python-unaltered",
          says=("extra.pth",)),
    Fault("the entry point that the contract names stays before the server",
          file("/opt/entry.sh", ENTRY.replace("exec ", ""), "755") + f"ENTRYPOINT {json.dumps([ENTERED])}\n" + SERVED,
          "server-stops", contract={**allowing(ENTERED, "program"), **configured(entrypoint=[ENTERED])}),
    Fault("bytecode is for Python without assertions and documentation alone",
          as_root(f"find {SITE}/ktrdr -name __pycache__ -exec rm -r {{}} +\npython3 -OO -m compileall -q {SITE}/ktrdr"),
          "lock-parity", "FAIL", "CONFIGURATION", says=("without bytecode", "anew: ktrdr")),
)  # fmt: skip

FAULTS = (*FILES, *PYTHON, *SERVER, *TOGETHER, *LEAKS, *CHANGED_BY_HAND)

GOOD = (
    good("a file of the contract's has an odd name", as_root(f"echo x >\"$(printf '/opt/{ODD}')\""), "leftovers",
         contract=allowing("/opt/caf*.txt")),
    good("torch is looked up, and is not there", into_main(LOOKED_UP), "lazy-import", despite=CHANGED),
    good("torch is named for those who check types", into_main(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from torch import Tensor"), "lazy-import",
        despite=CHANGED),
    named("torch is looked up, and not imported", "importlib.util.find_spec('torch')"),
    good("the contract names a shell that becomes the server", f"CMD {json.dumps(PASS_ON)}", "server-stops",
         contract=configured(command=PASS_ON)),
    good("the contract names another loop, another parser, and Python itself", f"CMD {json.dumps(SLOWER)}",
         "server-answers", contract=configured(command=SLOWER)),
    good("the contract names variables that change nothing",
         "".join(f"ENV {name}={value}\n" for name, value in IN_UTC.items()), "configuration",
         contract={"configuration": BACKEND.configuration.with_(Configuration(environment=IN_UTC))}),
    good("the contract names an entry point that says something and becomes the server",
         file(ENTERED, ENTRY, "755") + f"ENTRYPOINT {json.dumps([ENTERED])}\n" + SERVED, "python-unaltered",
         contract={**allowing(ENTERED, "program"), **configured(entrypoint=[ENTERED])}),
    good("whoever is in the group may write the data, and what is new there is the group's",
         as_root("chmod 2775 /data"), "server-at-rest"),
    good("the contract names an empty directory", as_root("install -d -o 10001 /home/ktrdr/notebooks"), "leftovers",
         contract=allowing("/home/ktrdr/notebooks", "directory")),
    good("the contract names a volume", "VOLUME /data", "server-at-rest", contract=configured(volumes=["/data"])),
    good("notes with a place for a password, which the contract names",
         file("/opt/notes/README.md", f"postgresql://user:password@db/ktrdr and API_TOKEN=<your token>, {ADDRESS}")
         + file("/opt/notes/.env.example", "API_TOKEN=") + file("/opt/notes/.gitkeep", ""), "leftovers",
         contract={"files": allowing("/opt/notes/*")["files"]}),
)  # fmt: skip
