"""A file that may be there is not what it seems: a password in metadata, bytecode of another source, half a library."""

from tests.broken_images.catalogue.pytorch import written
from tests.broken_images.catalogue.secrets import KEY, packed
from tests.broken_images.fault import PACKAGE, SECRET, SITE, Fault, allowing, as_root, file, good
from tests.support.checkout import read_contract
from tests.support.elves import shared_library, shared_library_32
from verify.contents.elf import DEVICE_CODE

BACKEND = read_contract().images["backend"]
ADDRESS = f"https://deploy:{SECRET}@index.invalid"
INFO = "idna-*.dist-info"
HEALTH = f"{PACKAGE['backend']}/healthcheck"
AARCH64 = 183
RECORDED = "different from RECORD"


def recorded(path: str, script: str) -> str:
    """Return the lines that change a file of the site, and its row in the RECORD of idna, to which it then belongs."""
    return as_root(f"""
cd {SITE}
{script.strip()}
python3 - {path} {INFO}/RECORD <<'PROGRAM'
import base64, hashlib, sys
data = open(sys.argv[1], "rb").read()
digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
rows = [row for row in open(sys.argv[2]) if not row.startswith(sys.argv[1] + ",")]
open(sys.argv[2], "w").write("".join(rows) + f"{{sys.argv[1]}},sha256={{digest}},{{len(data)}}\\n")
PROGRAM
""")


def compiled(mode: str, before: str = "", after: str = "") -> str:
    """Return the lines that compile a module anew, with a script before and one after it."""
    compile_one = f"python3 -m compileall -q -f --invalidation-mode {mode} {SITE}/idna/core.py"
    return as_root(f"cd {SITE}/idna\n{before}\n{compile_one}\n{after}")


def attribute(name: str, value: str, *paths: str) -> str:
    """Return the line that sets an extended attribute; ``value``: what Python reads as bytes."""
    program = "import os, struct, sys; [os.setxattr(path, sys.argv[1], VALUE) for path in sys.argv[2:]]"
    return f'python3 -c "{program.replace("VALUE", value)}" {name} {" ".join(paths)}\n'


# The second version of the form in acl(5): the owner, somebody by number, the group, the mask, all others
ACL = (
    "struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in ((1, 6, 2**32 - 1), (2, 7, 10001), "
    "(4, 4, 2**32 - 1), (16, 7, 2**32 - 1), (32, 4, 2**32 - 1)))"
)

METADATA = (
    Fault("a distribution's metadata names a dependency by an address with a password",
          recorded("$(echo idna-*.dist-info/METADATA)",
                   f"sed -i '2i Requires-Dist: tool @ git+{ADDRESS}/tool' {INFO}/METADATA"),
          "leftovers", says=("METADATA (credentials",), hides=SECRET),
    Fault("the address that a distribution came from has a password",
          recorded("$(echo idna-*.dist-info/direct_url.json)",
                   f"""echo '{{"url": "{ADDRESS}/idna.whl", "archive_info": {{}}}}' >$(echo {INFO})/direct_url.json"""),
          "leftovers", says=("direct_url.json (credentials",), hides=SECRET),
    Fault("a distribution of the older form requires another by an address with a password",
          file(f"{SITE}/ghost.egg-info/requires.txt", f"tool @ {ADDRESS}/tool.whl"),
          "leftovers", says=("ghost.egg-info/requires.txt (credentials",), hides=SECRET),
    Fault("the address that a distribution came from has a token in a user's place",
          file(f"{SITE}/ghost.egg-info/PKG-INFO", f"Name: ghost\nDownload-URL: https://{KEY}@host.invalid/x"),
          "leftovers", says=("PKG-INFO (credentials",), hides=KEY),
    Fault("a wheel in an archive that the contract allows came with a password",
          as_root(f"""
cd /tmp
mkdir idna-1.dist-info
echo '{{"url": "{ADDRESS}/idna.whl"}}' >idna-1.dist-info/direct_url.json
python3 -m zipfile -c /opt/notes.zip idna-1.dist-info
rm -r idna-1.dist-info
"""),
          "leftovers", says=("/opt/notes.zip!/idna-1.dist-info/direct_url.json",), hides=SECRET,
          contract=allowing("/opt/notes.zip")),
    Fault("an archive that the contract allows holds a private key",
          packed("python3 -m zipfile -c /opt/notes.bin notes.txt"), "leftovers",
          says=("/opt/notes.bin!/notes.txt (private key",), hides=KEY,
          contract=allowing("/opt/notes.bin")),
)  # fmt: skip

BYTECODE = (
    Fault("the bytecode of HEALTHCHECK is of another source, and never compared with it",
          as_root(f"echo 'changed = True' >>{HEALTH}.py\n"
                  f"python3 -m compileall -q -f --invalidation-mode unchecked-hash {HEALTH}.py\n"
                  f"sed -i '$d' {HEALTH}.py"),
          "lock-parity", category="CONFIGURATION", says=("healthcheck.cpython-311.pyc (bytecode of another source)",)),
    Fault("bytecode is of another source, and compared with it",
          compiled("checked-hash", "cp core.py /tmp/core\necho 'changed = True' >>core.py",
                   "cp /tmp/core core.py\nrm /tmp/core"),
          "lock-parity", category="CONFIGURATION", says=("core.cpython-311.pyc (bytecode of another source)",)),
    Fault("bytecode is of its source at another time", compiled("timestamp", after="touch -d 2001-01-01 core.py"),
          "lock-parity", category="CONFIGURATION", says=("core.cpython-311.pyc (bytecode of another source)",)),
    Fault("bytecode is of another Python",
          compiled("unchecked-hash", after="printf 0000 | dd of=__pycache__/core.cpython-311.pyc conv=notrunc"),
          "lock-parity", category="CONFIGURATION", says=("core.cpython-311.pyc (no bytecode of this Python)",)),
    good("bytecode of empty modules goes by their time",
         as_root(f"python3 -m compileall -q -f --invalidation-mode timestamp {SITE}/anyio/streams/__init__.py"),
         "lock-parity"),
    good("bytecode goes by the time of its source", compiled("timestamp"), "lock-parity"),
    good("bytecode goes by the hash of its source, which is compared", compiled("checked-hash"), "lock-parity"),
)  # fmt: skip

LOADED = (
    Fault("a library of a distribution is all zeros, of the same size",
          as_root(f"cd {SITE}\none=$(find . -name '*.so' | head -n 1)\nsize=$(stat -c %s $one)\n"
                  "head -c $size /dev/zero >/tmp/z\ncat /tmp/z >$one\nrm /tmp/z"),
          "lock-parity", category="CONFIGURATION", says=(".so (no ELF file)",)),
    *(
        Fault(f"a library {what}", recorded("fast.so", written("fast.so", data)), "lock-parity",
              category="CONFIGURATION", says=(f"{SITE}/fast.so ({why})",))
        for what, data, why in (
            ("was cut off", shared_library("libfast.so.1")[:-600], "cut off"),
            ("was cut off within its header", shared_library("libfast.so.1")[:40], "cut off"),
            ("is of 32 bits", shared_library_32("libfast.so.1"), "for another machine"),
            ("is for another processor", shared_library("libfast.so.1", machine=AARCH64), "for another machine"),
            ("is a text", b"not a library", "no ELF file"),
            ("is an object that was never linked", b"\x7fELF\2\1\1\0" + bytes(8) + b"\1\0>\0" + bytes(44),
             "no shared object"),
        )
    ),
    Fault("a program of a distribution is for another processor",
          recorded("fast", written("fast", shared_library("fast", machine=AARCH64))), "lock-parity",
          category="CONFIGURATION", says=(f"{SITE}/fast (for another machine)",)),
)  # fmt: skip

CUDA = (
    *(
        Fault(f"a CUDA library {what}", as_root(f"mkdir /opt/cuda\n{written(f'/opt/cuda/{name}', data)}"),
              "cuda-libraries", says=(f"/opt/cuda/{name}",))
        for what, name, data in (
            ("of 32 bits", "libcudart.so.13", shared_library_32(None)),
            ("to be linked statically", "libcudart_static.a", b"!<arch>\n"),
            ("that was cut off", "libcudnn.so.9", shared_library(None)[:200]),
            ("that is a text", "libcublas.so", b"INPUT(libcublas.so.13)"),
            ("that one of 32 bits needs", "fast.so", shared_library_32("libfast.so.1", needed=("libcudart.so.13",))),
            ("of the driver's, empty", "libcuda.so.1", b""),
        )
    ),
    Fault("a CUDA library by its second name", as_root("mkdir /opt/fast\ncp /bin/true /opt/fast/a.so\n"
                                                       "ln /opt/fast/a.so /opt/fast/libcudart.so.13"),
          "cuda-libraries", says=("/opt/fast/libcudart.so.13",)),
    Fault("a CUDA library by a link's name", as_root("mkdir /opt/fast\ncp /bin/true /opt/fast/a.so\n"
                                                     "ln -s a.so /opt/fast/libcudart.so.13"),
          "cuda-libraries", says=("/opt/fast/libcudart.so.13",)),
    Fault("code for a GPU under names that look alike: a byte that is no UTF-8, and its escape",
          as_root("""
mkdir /opt/a /opt/b
cd /opt
printf x | tee "$(printf 'a/caf\\351')" 'b/caf\\xe9'
"""
                  + written("'/opt/a/caf\\xe9'", DEVICE_CODE[0])
                  + written('"$(printf \'/opt/b/caf\\351\')"', DEVICE_CODE[0])),
          "cuda-libraries", says=("/opt/a/caf\\x5cxe9 (has code", "/opt/b/caf\\xe9 (has code")),
)  # fmt: skip

SOCKET = "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('{}')\""

SPECIAL = (
    Fault("a pipe where the application writes to", as_root("mkfifo /data/queue"), "leftovers",
          says=("/data/queue (a device",)),
    Fault("a directory where the application writes to", as_root("install -d -o 10001 /data/old"), "leftovers",
          says=("/data/old (",)),
    Fault("a device of the image's own", as_root("mknod /opt/null c 1 3"), "leftovers",
          says=("/opt/null (a device",)),
    Fault("a socket of a program that ran during the build",
          as_root(f"cd /opt\n{SOCKET.format('socket')}"), "leftovers", says=("/opt/socket (a device",)),
    Fault("a socket in place of a module",
          as_root(f"cd {SITE}/ktrdr/data\nrm sample.py\n{SOCKET.format('sample.py')}"), "lock-parity",
          category="CONFIGURATION", says=("data/sample.py",)),
    Fault("an access control list lets the user write what runs",
          as_root(attribute("system.posix_acl_access", ACL, f"{SITE}/idna/core.py")), "leftovers",
          says=("idna/core.py (access control list",)),
    Fault("an access control list lets the user write whatever will be made in a directory",
          as_root(attribute("system.posix_acl_default", ACL, "/opt/venv/bin")), "leftovers",
          says=("/opt/venv/bin (access control list",)),
)  # fmt: skip

DEEP = """python3 - <<'PROGRAM'
import os
os.chdir("/opt")
for number in range({}):
    os.mkdir(f"{{number:0100}}")
    os.chdir(f"{{number:0100}}")
open(".env", "w").write("x")
PROGRAM"""

DEPTHS = (
    Fault("a file lies below more directories than a path can name", as_root(DEEP.format(45)), "leftovers",
          says=("… (path too long",)),
    Fault("a file lies below almost as many directories as a path can name", as_root(DEEP.format(37)), "leftovers",
          says=("… (path too long",)),
    Fault("a file lies deep, where it can be read", as_root(DEEP.format(30)), "leftovers",
          says=(".env (",)),
)  # fmt: skip

GROUPS = (
    Fault("a group has a password that everybody knows",
          as_root("sed -i 's/^shadow:[^:]*:/shadow:$6$abcdefgh$ijklmnop:/' /etc/gshadow"), "user",
          says=("/etc/gshadow: shadow has a password",)),
    Fault("a group has a password where everybody reads it",
          as_root("sed -i 's/^shadow:[^:]*:/shadow:$6$abcdefgh$ijklmnop:/' /etc/group"), "user",
          says=("/etc/group: shadow has a password",)),
    Fault("the user may let others into a group of the system",
          as_root("sed -i 's/^shadow:\\([^:]*\\):[^:]*:/shadow:\\1:ktrdr:/' /etc/gshadow"), "user",
          says=("the system's group shadow",)),
    Fault("the user may join a group of the system",
          as_root("sed -i 's/^shadow:\\([^:]*\\):\\([^:]*\\):.*/shadow:\\1:\\2:ktrdr/' /etc/gshadow"), "user",
          says=("the system's group shadow",)),
    good("the user and its group are of the system's kind, and nobody else's",
         as_root("sed -i 's/:10001:10001:/:997:997:/' /etc/passwd\nsed -i 's/:10001:/:997:/' /etc/group\n"
                 "chown -R 997:997 /home/ktrdr /data") + "USER 997:997", "user",
         contract={"configuration": BACKEND.configuration.model_copy(update={"user": "997:997"})}),
)  # fmt: skip

REPLACED = (
    Fault("the loader's cache leads to a library elsewhere",
          as_root("mkdir /opt/lib\ncp /usr/lib/x86_64-linux-gnu/libz.so.1 /opt/lib/\nldconfig /opt/lib"),
          "python-unaltered", says=("loaded before the program: /etc/ld.so.cache",)),
    Fault("the loader's cache cannot be read", as_root("echo broken >/etc/ld.so.cache"), "python-unaltered",
          says=("loaded before the program: /etc/ld.so.cache",)),
    Fault("the shell of the base is another one", as_root("ln -sf bash /usr/bin/sh"), "python-unaltered",
          says=("replaced or removed by a later layer: /usr/bin/sh",)),
    Fault("a module of the standard library was removed", as_root("rm /usr/lib/python3.11/statistics.py"),
          "python-unaltered", says=("removed by a later layer: /usr/lib/python3.11/statistics.py",)),
    Fault("the base's time zones were removed", as_root("rm -r /usr/share/zoneinfo/Europe"), "python-unaltered",
          says=("/usr/share/zoneinfo/Europe/",)),
    Fault("OpenSSL reads another configuration", as_root("echo >>/etc/ssl/openssl.cnf"), "python-unaltered",
          says=("/etc/ssl/openssl.cnf",)),
)  # fmt: skip

FAULTS = (*METADATA, *BYTECODE, *LOADED, *CUDA, *SPECIAL, *DEPTHS, *GROUPS, *REPLACED)
