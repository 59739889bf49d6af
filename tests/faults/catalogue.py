"""The quick cut: one fault a check of the judge, each the smallest image that fails that check."""

from tests.faults.fault import MAIN, SITE, Fault, as_root, distribution, file, into_main, torch

API = "/api/v1"
ADDRESS = "http://127.0.0.1"
SECRET = "hunter2-correct-horse"  # noqa: S105 - the secret that must be found and not shown
# Root without its capabilities cannot write the data: the server gets unhealthy, and nobody should wait for it
IMPATIENT = (
    f'HEALTHCHECK --interval=1s --retries=1 CMD ["python", "-m", "ktrdr.healthcheck", "{ADDRESS}:8000{API}/health"]'
)
CUDA_AVAILABLE = "class cuda:\n    is_available = staticmethod(lambda: {})"
IMPORT_TORCH = "    with contextlib.suppress(ImportError):\n        import torch"

# The subject, and the proof that it was looked at
SUBJECT = (
    Fault(
        "the image was removed after the build",
        "", "image-present", "ERROR", "ENVIRONMENT", accident="image removed",
    ),
    Fault(
        "the record of the build is gone, as after a build that failed",
        "", "built-here", "ERROR", "ENVIRONMENT", accident="record lost",
    ),
    Fault(
        "the tag was moved to another image after the build",
        "ENV KTRDR_LOG_LEVEL=debug", "same-image", "FAIL", "ENVIRONMENT", accident="tag moved",
    ),
    Fault("python is not on the PATH", "ENV PATH=/nowhere", "python-runs"),
    Fault(
        "every Python greets, so that the probes' document is not the only thing printed",
        file(f"{SITE}/zzz.pth", "import sys; print('welcome')"), "proof", "ERROR", "ENVIRONMENT",
        says=("not one JSON document",),
    ),
    Fault(
        "everything is printed twice",
        file(f"{SITE}/zzz.pth", "import sys; sys.stdout.write = lambda text, write=sys.stdout.write: write(text * 2)"),
        "proof", "ERROR", "ENVIRONMENT", says=("not one JSON document",),
    ),
    Fault(
        "the probes' document drowns in 200 MB of noise that is not UTF-8",
        file(
            f"{SITE}/zzz.pth",
            "import os, sys; [os.write(1, b'\\xff' * 65536) for _ in range(3200) if '-c' in sys.orig_argv]",
        ),
        "proof", "ERROR", "ENVIRONMENT", says=("printed more than",),
    ),
)  # fmt: skip

# What the layers hold
CONTENTS = (
    Fault(
        "the engine breaks off while it exports the layers",
        "ENV KTRDR_LOG_LEVEL=info", "contents", "ERROR", "ENVIRONMENT", accident="export cut off",
    ),
    Fault(
        "python is a program that answers with a passing document, nonce included",
        as_root("rm /opt/venv/bin/python")
        + "COPY answers.json /opt/answers.json\n"
        + file("/opt/venv/bin/python", r"""
#!/usr/local/bin/python3
import json, os, sys
if len(sys.argv) == 4 and '"nonce"' in sys.argv[3]:
    with open("/opt/answers.json") as answers:
        print(json.dumps({"schema": 1, "nonce": json.loads(sys.argv[3])["nonce"], "results": json.load(answers)}))
else:
    os.execv("/usr/local/bin/python3", ["/opt/venv/bin/python3", *sys.argv[1:]])
""", "755"),
        "interpreter", says=("/opt/venv/bin/python does not come from the base image",),
    ),
    Fault(
        "a start-up file that nobody asked for",
        file(f"{SITE}/zzz.pth", "import sys; sys.dont_write_bytecode = True"),
        "python-unaltered", says=(f"{SITE}/zzz.pth",),
    ),
    Fault(
        "a distribution lies where Python does not look",
        distribution("ghost", "1.0", "/opt/extra"),
        "distributions-agree", says=("ghost 1.0",),
    ),
    Fault(
        "one distribution too many",
        distribution("ghost", "1.0"), "lock-parity", "FAIL", "CONFIGURATION", says=("extra: ghost",),
    ),
    Fault(
        "one distribution is missing",
        as_root(f"rm -r {SITE}/idna-*.dist-info"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("missing: idna",),
    ),
    Fault(
        "a distribution has lost a file",
        as_root(f"rm {SITE}/idna/uts46data.py"),
        "lock-parity", "FAIL", "CONFIGURATION", says=("in RECORD, and not in the image", "idna/uts46data.py"),
    ),
    Fault(
        "100 MB too much",
        "RUN head -c 100000000 /dev/zero >/home/ktrdr/weights.bin", "size-added",
    ),
    Fault(
        "more than the total that the specification allows (lowered, so that the image stays small)",
        "RUN head -c 100000000 /dev/zero >/home/ktrdr/weights.bin",
        "size-total", contract={"total_at_most": 150_000_000, "added_at_most": 150_000_000},
    ),
    Fault(
        "a distribution has grown by 30 MB since the baseline",
        as_root(f"""
head -c 30000000 /dev/zero >{SITE}/idna/tables.bin
echo idna/tables.bin,, | tee -a {SITE}/idna-*.dist-info/RECORD
"""),
        "size-growth", says=("idna +30.0 MB (required by",),
    ),
    Fault("a late chown holds the environment again", as_root("chown -R 10001 /opt/venv"), "no-repeated-bytes"),
    Fault(
        "a .env that a later layer deletes",
        f"RUN echo UPLOAD_TOKEN={SECRET} >/home/ktrdr/.env\nRUN rm /home/ktrdr/.env",
        "leftovers", says=("/home/ktrdr/.env",), hides=SECRET,
    ),
    Fault(
        "a private key under an innocent name",
        file("/home/ktrdr/notes.txt", "-----BEGIN " + f"PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"),
        "leftovers", says=("/home/ktrdr/notes.txt", "private key"), hides=SECRET,
    ),
    Fault(
        "a secret in the history",
        f"ARG UPLOAD_TOKEN={SECRET}\nRUN true", "history", says=("UPLOAD_TOKEN",), hides=SECRET,
    ),
    Fault(
        "a proxy with credentials in the environment",
        f"ENV HTTPS_PROXY=http://me:{SECRET}@proxy.invalid:3128",
        "history", says=("HTTPS_PROXY",), hides=SECRET,
    ),
    Fault(
        "a library in a zip file, searched before the standard one, hides what is imported",
        as_root("""
cd /tmp
echo 'import sys; sys.dont_write_bytecode = True' >sitecustomize.py
python3 -m zipfile -c "$(python3 -c 'import sys; print(sys.base_prefix)')/lib/python311.zip" sitecustomize.py
rm sitecustomize.py
"""),
        "python-unaltered", says=("python311.zip",),
    ),
    Fault(
        "a start-up file runs code under a locked distribution's name",
        file(f"{SITE}/start.pth", "import sys; sys.flags")
        + as_root(f"echo start.pth,, | tee -a {SITE}/idna-*.dist-info/RECORD"),
        "python-unaltered", says=("start.pth",),
    ),
    Fault(
        "a program gives the rights of root to whoever runs it",
        as_root("cp /usr/bin/env /usr/local/bin/run-as\nchmod 4755 /usr/local/bin/run-as"), "user", says=("run-as",),
    ),
    Fault("the image runs as root", f"USER 0:0\n{IMPATIENT}", "user", says=("root",)),
    Fault("the user has no home", as_root("rm -r /home/ktrdr") + "WORKDIR /", "user", says=("/home/ktrdr",)),
)  # fmt: skip

# PyTorch and CUDA: stand-ins for torch over the backend, because the real one is a gigabyte to read
PYTORCH = (
    Fault("torch in the image that must have none", torch(""), "torch", says=("torch 2.13.0+cpu",)),
    Fault("no torch in a worker", "", "torch", role="worker-cpu", says=("ModuleNotFoundError",)),
    Fault(
        "torch is found through PYTHONPATH, not in its distribution",
        file("/opt/extra/torch/__init__.py", "__version__ = '2.13.0+cpu'") + "ENV PYTHONPATH=/opt/extra",
        "torch", role="worker-cpu", says=("/opt/extra/torch",),
    ),
    Fault(
        "torch is of another version than its metadata and the lock",
        torch("", version="2.12.1+cpu"), "torch-version", role="worker-cpu", says=("2.12.1", "2.13.0"),
    ),
    Fault(
        "silent CUDA: a CUDA build in a CPU image, on a host without a GPU",
        torch(f"class version:\n    cuda, hip = '13.0', None\n{CUDA_AVAILABLE.format(False)}", "2.13.0+cu130"),
        "torch-build", role="worker-cpu", says=("CUDA 13.0",),
    ),
    Fault("a torch that only has a version", torch(""), "torch-works", role="worker-cpu", says=("tensor",)),
    Fault(
        "CUDA is available in a CPU image",
        torch(CUDA_AVAILABLE.format(True)),
        "cuda-runtime", role="worker-cpu", says=("True",),
    ),
    Fault(
        "an nvidia-* distribution is left over",
        distribution("nvidia-cudnn-cu13", "9.1"), "cuda-distributions", says=("nvidia-cudnn-cu13",),
    ),
    Fault(
        "a CUDA library outside site-packages",
        as_root("mkdir -p /opt/cuda\ncp /bin/true /opt/cuda/libcudart.so.13"),
        "cuda-libraries", says=("/opt/cuda/libcudart.so.13",),
    ),
    Fault(
        "torch loads a CUDA library that no layer holds",
        torch("""
import ctypes, shutil
shutil.copy("/lib/x86_64-linux-gnu/libz.so.1", "/data/libcudart.so.13")
ctypes.CDLL("/data/libcudart.so.13")
"""),
        "cuda-libraries-agree", role="worker-cpu", says=("/data/libcudart.so.13",),
    ),
)  # fmt: skip

# The API: imported, started, used
APPLICATION = (
    Fault("the application raises while it is imported", into_main("raise RuntimeError('boom')"), "api-imports"),
    Fault(
        "the application is not a FastAPI instance",
        into_main("_inner = app\nasync def app(scope, receive, send):\n    await _inner(scope, receive, send)"),
        "api-is-fastapi",
    ),
    Fault(
        "the application has one route",
        into_main(f"app = FastAPI()\n@app.get('{API}/health')\ndef health():\n    return {{'status': 'ok'}}"),
        "api-routes", says=("1 routes",),
    ),
    Fault(
        "the application is loaded before it is imported",
        file(f"{SITE}/zzz.pth", "import ktrdr.api.main"), "api-new-modules",
    ),
    Fault(
        "the application fails while it starts",
        into_main("""
@contextlib.asynccontextmanager
async def _boom(app):
    raise RuntimeError('boom')
    yield
app.router.lifespan_context = _boom
"""),
        "api-starts", says=("boom",),
    ),
    Fault(
        "a request raises",
        into_main(f"@app.get('{API}/boom')\ndef boom():\n    raise RuntimeError('boom')"),
        "api-answers", says=(f"{API}/boom",),
    ),
    Fault(
        "torch is imported at the top of main.py, behind try and except",
        into_main("try:\n    import torch\nexcept ImportError:\n    torch = None\n", at="top"),
        "lazy-import", says=(f"import torch at {MAIN}:2",),
    ),
    Fault(
        "torch is imported while the application starts",
        into_main(f"""
_before = app.router.lifespan_context
@contextlib.asynccontextmanager
async def _with_torch(app):
{IMPORT_TORCH}
    async with _before(app):
        yield
app.router.lifespan_context = _with_torch
"""),
        "lazy-start", says=(f"import torch at {MAIN}", "_with_torch"),
    ),
    Fault(
        "sklearn is imported on the first request",
        into_main(f"@app.get('{API}/guess')\ndef guess():\n{IMPORT_TORCH.replace('torch', 'sklearn')}"),
        "lazy-use", says=(f"import sklearn at {MAIN}", "guess"),
    ),
)  # fmt: skip

# The server: its own command, its own HEALTHCHECK
SERVER = (
    Fault(
        "the command ends at once",
        'CMD ["python", "-c", "raise SystemExit(3)"]', "server-healthy", says=("it stopped with 3",),
    ),
    Fault(
        "the server listens on another port, and its HEALTHCHECK asks there",
        'CMD ["uvicorn", "ktrdr.api.main:app", "--port", "8001"]\n'
        f'HEALTHCHECK --interval=1s CMD ["python", "-m", "ktrdr.healthcheck", "{ADDRESS}:8001{API}/health"]',
        "server-answers", says=("refused",),
    ),
    Fault(
        "the server loads a library of sklearn that no probe has seen",
        as_root(f"mkdir {SITE}/sklearn\ncp /lib/x86_64-linux-gnu/libz.so.1 {SITE}/sklearn/fast.so")
        + f'CMD ["python", "-c", "import ctypes, uvicorn; ctypes.CDLL(\'{SITE}/sklearn/fast.so\'); '
        "uvicorn.run('ktrdr.api.main:app', port=8000)\"]",
        "lazy-server", says=("sklearn",),
    ),
    Fault(
        "another program than the application answers the health check",
        file("/opt/other.py", """
import uvicorn

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"status": "ok"}'})

uvicorn.run(app, port=8000, lifespan="off")
""")
        + 'CMD ["python", "/opt/other.py"]',
        "server-answers", says=("0 routes",),
    ),
    Fault("the image has no HEALTHCHECK", "HEALTHCHECK NONE", "server-healthy", says=("no HEALTHCHECK",)),
    Fault("HEALTHCHECK always succeeds", 'HEALTHCHECK --interval=1s CMD ["true"]', "healthcheck-tells"),
)  # fmt: skip

FAULTS = (*SUBJECT, *CONTENTS, *PYTORCH, *APPLICATION, *SERVER)
