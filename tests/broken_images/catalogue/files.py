"""Something lies in an image that nobody owns, or the application in it is not the checkout's; and what is right."""

import json

from deploy.configuration import Configuration
from tests.broken_images.fault import SITE, Fault, allowing, as_root, file, good
from tests.support.checkout import read_contract

APP = f"{SITE}/ktrdr"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
INFO = "/var/lib/dpkg/info"
CHECKOUT = ("ktrdr/api/main.py", "tests/test_x.py", "pyproject.toml", "deploy/Dockerfile")
INIT = ["/usr/bin/tini", "--"]
BACKEND = read_contract().images["backend"]
DRIVER = as_root(
    f"mkdir -p {LIBRARIES}\ntouch {LIBRARIES}/libcuda.so.1 {LIBRARIES}/libnvidia-ml.so.1 /usr/bin/nvidia-smi"
)


def package(name: str, version: str, *paths: str) -> str:
    """Return the lines that make dpkg believe that a package is installed, with these files."""
    return as_root(f"""
cat >>/var/lib/dpkg/status <<'STATUS'

Package: {name}
Status: install ok installed
Architecture: amd64
Version: {version}
STATUS
for path in {" ".join(paths)}; do
    cp /usr/bin/env $path
    echo $path >>{INFO}/{name}.list
done
""")


def without(pattern: str) -> str:
    """Return the lines that take files out of the application and out of its RECORD, as a wheel without them has it."""
    rows = pattern.replace("*", ".*")
    return as_root(f"cd {SITE}\nrm ktrdr/{pattern}\nsed -i '\\#^ktrdr/{rows},#d' ktrdr-*.dist-info/RECORD")


def rewritten(path: str, command: str) -> str:
    """Return the lines that change a file of the application together with its row in RECORD."""
    return as_root(f"""
cd {SITE}
{command} {APP}/{path}
rm -f $(dirname {APP}/{path})/__pycache__/$(basename {path} .py).*
python3 - <<'PROGRAM'
import base64, glob, hashlib, pathlib, re
record = pathlib.Path(glob.glob("ktrdr-*.dist-info/RECORD")[0])
data = pathlib.Path("ktrdr/{path}").read_bytes()
digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
row = f"ktrdr/{path},sha256={{digest}},{{len(data)}}"
record.write_text(re.sub(r"(?m)^ktrdr/{path},.*$", row, record.read_text()))
PROGRAM
""")


UNOWNED = (
    # A package cache
    Fault("uv's cache stays behind", as_root(
        "mkdir -p /root/.cache/uv/archive-v0/a\nhead -c 5700000 /dev/zero >/root/.cache/uv/archive-v0/a/b"),
        "leftovers", role="worker-cpu", base="worker-cpu", says=("/root/.cache/uv/archive-v0/a/b (5.7 MB, a package",)),
    Fault("pip's cache stays behind in a home", as_root(
        "mkdir -p /home/ktrdr/.cache/pip/http-v2/a/b\necho x >/home/ktrdr/.cache/pip/http-v2/a/b/body"), "leftovers",
        says=("/home/ktrdr/.cache/pip/http-v2/a/b/body", "a package cache")),
    Fault("apt's lists stay behind", as_root(
        "mkdir -p /var/lib/apt/lists\necho x >/var/lib/apt/lists/deb_dists_stable_InRelease"), "leftovers",
        says=("/var/lib/apt/lists/deb_dists_stable_InRelease", "a package cache")),
    # Where the build host takes packages from
    Fault("apt's proxy and a company's source of packages",
          file("/etc/apt/apt.conf.d/01proxy", "x") + file("/etc/apt/sources.list.d/corp.list", "deb x"), "leftovers",
          says=("/etc/apt/apt.conf.d/01proxy", "/etc/apt/sources.list.d/corp.list", "takes packages from")),
    Fault("a company's index for pip, and one for uv",
          file("/etc/pip.conf", "[global]\nindex-url = x") + file("/etc/uv/uv.toml", "[pip]"), "leftovers",
          says=("/etc/pip.conf", "/etc/uv/uv.toml", "takes packages from")),
    Fault("apt's preferences and a key ring", file("/etc/apt/preferences.d/pin", "Package: *")
          + file("/etc/apt/keyrings/corp.gpg", "key"), "leftovers", says=("/etc/apt/preferences.d/pin", "corp.gpg")),
    # The driver's files
    Fault("empty files of the driver in the GPU image, as a container that was committed has them", DRIVER,
          "leftovers", role="worker-gpu", base="worker-gpu",
          says=("libcuda.so.1", "libnvidia-ml.so.1", "/usr/bin/nvidia-smi", "the driver's, which the host brings")),
    Fault("empty files of the driver in a CPU image", DRIVER, "leftovers", role="worker-cpu", base="worker-cpu",
          says=("libcuda.so.1", "/usr/bin/nvidia-smi", "the driver's, which the host brings")),
    Fault("the driver's own libraries and programs in the GPU image", as_root(
        f"cp /usr/bin/env {LIBRARIES}/libcuda.so.580.65\nln -s libcuda.so.580.65 {LIBRARIES}/libcuda.so.1\n"
        "cp /usr/bin/env /usr/bin/nvidia-persistenced"), "leftovers", role="worker-gpu", base="worker-gpu",
        says=("libcuda.so.580.65", "libcuda.so.1", "nvidia-persistenced")),
    # A compiler
    Fault("an assembler, a linker and a compiler, for which dpkg has an entry",
          package("binutils", "2.40-2", "/usr/bin/as", "/usr/bin/ld", "/usr/bin/gcc", "/usr/bin/cc1"),
          "leftovers", role="worker-cpu", base="worker-cpu",
          says=("/usr/bin: 4 paths: as, cc1, gcc, ld", "a compiler or linker", "does not name: binutils 2.40-2")),
    Fault("a compiler of no package", as_root("cp /usr/bin/env /usr/local/bin/x86_64-linux-gnu-gcc-12"), "leftovers",
          says=("x86_64-linux-gnu-gcc-12", "a compiler or linker")),
    Fault("dpkg has an entry for a package without a list", package("tini", "0.19"), "leftovers",
          says=("does not name:", "tini 0.19")),
    Fault("a list of the base's own package names a program that was added",
          as_root(f"cp /usr/bin/env /usr/bin/ld\necho /usr/bin/ld >>{INFO}/base-files.list"), "leftovers",
          says=("/usr/bin/ld", "of the package base-files")),
    # A checkout
    Fault("a checkout beside the installed application",
          "".join(file(f"/srv/src/{name}", "x") for name in CHECKOUT)
          + as_root("head -c 900000 /dev/zero >/srv/src/notebook.ipynb"),
          "leftovers", role="worker-cpu", base="worker-cpu", says=("/srv/src", "0.9 MB", "a checkout")),
    Fault("a checkout that a later layer deletes",
          file("/srv/src/notes.md", "x") + as_root("rm -r /srv/src"), "leftovers",
          says=("/srv/src/notes.md", "removed later")),
    Fault("tests of the application in the environment's own directory", file("/opt/venv/tests/test_x.py", "x = 1"),
          "leftovers", says=("/opt/venv/tests/test_x.py",)),
    # What is no file
    Fault("an enterable home holds what its user may not enter",
          as_root("install -d -m 700 /home/ktrdr/private"), "leftovers", says=("/home/ktrdr/private (a directory",)),
    Fault("an enterable home holds another's files", as_root(
        "install -d -m 700 /home/ktrdr/other/deep\necho x >/home/ktrdr/other/deep/x"), "leftovers",
        says=("/home/ktrdr/other/deep/x",)),
    Fault("an empty directory where the application writes to", as_root("install -d -o 10001 /data/spool"), "leftovers",
          says=("/data/spool (a directory",)),
    Fault("a device and a pipe in the application's home",
          as_root("mknod /home/ktrdr/null c 1 3\nmkfifo /home/ktrdr/pipe"), "leftovers",
          says=("/home/ktrdr: 2 paths: null, pipe (a device",)),
    Fault("a link that leads out of a home", as_root("ln -s /etc /home/ktrdr/configuration"), "leftovers",
          says=("/home/ktrdr/configuration (a link",)),
    # What claims an owner
    Fault("a RECORD lists a file outside of its environment", as_root(
        f"echo x >/srv/x\necho '../../../../../srv/x,sha256=x,2' | tee -a {SITE}/idna-*.dist-info/RECORD"),
        "leftovers", says=("/srv/x (",)),
    Fault("the log of accounts is larger than any log", as_root("truncate -s 87600000 /var/log/lastlog"), "leftovers",
          says=("/var/log/lastlog (87.6 MB",)),
    # Lines of the contract that the image does not use
    Fault("the contract allows a file that is not there", "RUN true", "leftovers",
          contract=allowing("/opt/gone"), says=("not in the image: /opt/gone (a file)",)),
    Fault("the contract names a Debian package that is not there", "RUN true", "leftovers",
          contract={"packages": ["libgomp1"]}, says=("not in the image: libgomp1",)),
    Fault("the contract names a Debian package that the base has", "RUN true", "leftovers",
          contract={"packages": ["base-files"]}, says=("not in the image: base-files",)),
)  # fmt: skip

# Something else than the contract allows at a path
KINDS = (
    Fault("a program lies where the contract has a file",
          as_root("cp --preserve=mode /usr/bin/env /opt/venv/bin/activate"), "leftovers",
          says=("/opt/venv/bin/activate (", "a program, allowed as a file only")),
    Fault("a file of the contract's may be executed", as_root("chmod 744 /opt/venv/pyvenv.cfg"), "leftovers",
          says=("/opt/venv/pyvenv.cfg (", "a program, allowed as a file only")),
    Fault("a file lies where the contract has a link", as_root(
        "rm /opt/venv/bin/python3.11\ninstall -m 644 /usr/bin/env /opt/venv/bin/python3.11"), "leftovers",
        says=("/opt/venv/bin/python3.11 (", "allowed as a link to python only")),
    Fault("a link of the contract's leads elsewhere", as_root("ln -sfn /data /opt/venv/lib64"), "leftovers",
          says=("/opt/venv/lib64 (a link to /data, allowed as a link to lib only",)),
    Fault("a pipe lies where the contract has a directory", as_root("mkfifo /opt/spool"), "leftovers",
          contract=allowing("/opt/spool", "directory"), says=("/opt/spool (a device, allowed as a directory only",)),
    Fault("the contract has a program, and there is a link to it", as_root("ln -s /usr/bin/env /opt/run"), "leftovers",
          contract=allowing("/opt/run", "program"),
          says=("/opt/run (a link to /usr/bin/env, allowed as a program only", "not in the image: /opt/run")),
    Fault("a program lies beside dpkg's own records", as_root("cp /usr/bin/env /var/lib/dpkg/tool"), "leftovers",
          says=("/var/lib/dpkg/tool (", "a program")),
    Fault("a program lies in the place of a log",
          as_root("cp --preserve=mode /usr/bin/env /var/log/dpkg.log"), "leftovers",
          says=("/var/log/dpkg.log (", "a program")),
)  # fmt: skip

APPLICATION = (
    Fault("strategies are missing, as in a wheel built without its data", without("strategies/*.yaml"),
          "checkout-parity", says=("missing:", "strategies/mlp_fx_hourly.yaml")),
    Fault("a script of the page is missing", without("api/page/static/chart.js"), "checkout-parity",
          says=("missing:", "api/page/static/chart.js")),
    Fault("a module is missing, and RECORD knows nothing of it", without("data/sample.py"), "checkout-parity",
          says=("missing:", "data/sample.py")),
    Fault("a module is another revision's, as from a stale wheel",
          rewritten("api/cross_site.py", "sed -i 's/none/None/'"), "checkout-parity",
          says=("another content:", "api/cross_site.py")),
    Fault("a strategy has another figure", rewritten("strategies/mlp_fx_hourly.yaml", "sed -i 's/0/1/'"),
          "checkout-parity", says=("another content:", "strategies/mlp_fx_hourly.yaml")),
    Fault("a file of the application that git does not track",
          file(f"{APP}/notes.txt", "x")
          + as_root(f"echo 'ktrdr/notes.txt,sha256=x,2' | tee -a {SITE}/ktrdr-*.dist-info/RECORD"), "checkout-parity",
          says=("not tracked by git:", "notes.txt")),
    Fault("the development image's source is not the checkout's", as_root("echo >>/app/ktrdr/cli.py"),
          "checkout-parity", role="dev", base="dev", says=("another content: /app/ktrdr/cli.py",)),
    Fault("the development image's source has a module too many", file("/app/ktrdr/scratch.py", "x = 1"),
          "checkout-parity", role="dev", base="dev", says=("not tracked by git: /app/ktrdr/scratch.py",)),
)  # fmt: skip

FAULTS = (*UNOWNED, *KINDS, *APPLICATION)

GOOD = (
    good("a Debian package that the contract names is installed, with all that apt and dpkg write of it",
         package("tini", "0.19.0-1", "/usr/bin/tini", "/lib/tini.txt") + as_root("""
cp /var/lib/dpkg/status /var/lib/dpkg/status-old
echo x >/var/lib/dpkg/info/tini.md5sums
mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial /var/log/apt /var/cache/debconf
for name in /var/log/apt/history.log /var/log/apt/eipp.log.xz /var/log/dpkg.log /var/lib/apt/extended_states; do
    echo x >$name
done
"""), "leftovers", contract={"packages": ["tini"]}),
    good("an init that the contract names starts the server",
         package("tini", "0.19.0-1", "/usr/bin/tini")
         + f"ENTRYPOINT {json.dumps(INIT)}\nCMD {json.dumps(BACKEND.configuration.command)}", "python-unaltered",
         contract={"packages": ["tini"], "configuration": BACKEND.configuration.with_(Configuration(entrypoint=INIT))}),
    good("a program of the image's own, which the contract names, has bytecode",
         file("/opt/tools/look.py", "print(1)") + as_root("python3 -m compileall -q /opt/tools"), "leftovers",
         contract=allowing("/opt/tools/*.py")),
    good("directories of the base are there once more", as_root("chmod 755 /srv /opt /mnt\nchmod 1777 /var/tmp"),
         "leftovers"),
    good("accounts were made by the base's own programs",
         as_root("useradd -r -M -d /nonexistent svc\ngroupadd -r more"), "leftovers"),
)  # fmt: skip
