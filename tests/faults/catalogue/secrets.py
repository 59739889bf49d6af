"""What was to stay outside lies in a layer, or is told by history and environment."""

import base64

from tests.faults.fault import SECRET, Fault, as_root, file

KEY = "hunter2CorrectHorse" * 2  # base64, and no key
PEM = "-----BEGIN " + f"PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----"
# A private key for Ed25519 (RFC 8410), and one for P-256 (RFC 5915), as DER: no text, and no name that tells
ED25519 = "302e020100300506032b657004220420" + "5a" * 32
P256 = "3031020101" + "0420" + "5a" * 32 + "a00a06082a8648ce3d030107"
TOKEN = "ghp_" + "0123456789abcdef" * 2 + "wxyz"  # as GitHub marks them
NOTES = "/home/ktrdr/notes.txt"


def binary(path: str, digits: str) -> str:
    """Return the line that puts a file of these bytes, given in hexadecimal, into the image."""
    return f"""RUN ["python", "-c", "open('{path}', 'wb').write(bytes.fromhex('{digits}'))"]\n"""


def packed(command: str) -> str:
    """Return the lines that pack a private key with a command and leave nothing but the archive."""
    return as_root(f"cd /tmp\ncat >notes.txt <<'KEY'\n{PEM}\nKEY\n{command}\nrm notes.txt")


LAYERS = (
    Fault(
        "a .env that a later layer deletes",
        f"RUN echo UPLOAD_TOKEN={SECRET} >/home/ktrdr/.env\nRUN rm /home/ktrdr/.env",
        "leftovers", says=("/home/ktrdr/.env",), hides=SECRET,
    ),
    Fault("a .env in the image", file("/home/ktrdr/.env", f"UPLOAD_TOKEN={SECRET}"), "leftovers", says=(".env",),
          hides=SECRET),
    Fault("a .git in the image", file("/home/ktrdr/.git/HEAD", "ref: refs/heads/main"), "leftovers", says=("/.git",)),
    Fault("credentials for a package index", file("/home/ktrdr/.netrc", f"password {SECRET}"), "leftovers",
          says=("/home/ktrdr/.netrc",), hides=SECRET),
    Fault("a private key under an innocent name", file(NOTES, PEM), "leftovers", says=(NOTES, "private key"),
          hides=KEY),
    Fault("a private key that is no text", binary(NOTES, ED25519), "leftovers", says=(NOTES, "private key")),
    Fault("a private key that is no text, of an elliptic curve", binary(NOTES, P256), "leftovers",
          says=(NOTES, "private key")),
    Fault("a token in a text", file(NOTES, f"note = {TOKEN}"), "leftovers", says=(NOTES, "credentials"), hides=TOKEN),
    Fault("a token far down in a long text",
          as_root(f"(yes 'a line of a long text' | head -n 9000; echo 'note = {TOKEN}') >{NOTES}"),
          "leftovers", says=(NOTES, "credentials"), hides=TOKEN),
    Fault("a private key in a kubeconfig, as base64",
          file(NOTES, f"client-key-data: {base64.b64encode(PEM.encode()).decode()}"), "leftovers",
          says=(NOTES, "private key"), hides=base64.b64encode(PEM.encode()).decode()),
    Fault("a backup where the application writes to", file("/data/ktrdr-backup.db", "bars"), "leftovers",
          says=("/data/ktrdr-backup.db",)),
    Fault("a shell's environment file", file("/home/ktrdr/.envrc", f"export NOTE={SECRET}"), "leftovers",
          says=(".envrc",), hides=SECRET),
    Fault("a git repository without a work tree", file("/srv/notes.git/HEAD", "ref: refs/heads/main"), "leftovers",
          says=("notes.git",)),
    Fault("a private key in a zip file", packed("python3 -m zipfile -c /opt/notes.bin notes.txt"), "leftovers",
          says=("/opt/notes.bin", "notes.txt", "private key"), hides=KEY),
    Fault("a private key in a packed tar file", packed("tar -czf /opt/notes.bin notes.txt"), "leftovers",
          says=("/opt/notes.bin", "notes.txt", "private key"), hides=KEY),
    Fault("a private key, packed", packed("gzip -c notes.txt >/opt/notes.bin"), "leftovers",
          says=("/opt/notes.bin", "private key"), hides=KEY),
    Fault("a private key in an archive within an archive",
          packed("tar -cf inner.tar notes.txt\npython3 -m zipfile -c /opt/notes.bin inner.tar\nrm inner.tar"),
          "leftovers", says=("/opt/notes.bin", "notes.txt", "private key"), hides=KEY),
    Fault("a private key in a zip file behind a member that is damaged",
          packed("python3 - <<'PROGRAM'\n"
                 "import zipfile\n"
                 "with zipfile.ZipFile('/opt/notes.bin', 'w') as made:\n"
                 "    made.writestr('first', 'damage-me')\n"
                 "    made.write('notes.txt')\n"
                 "data = open('/opt/notes.bin', 'rb').read().replace(b'damage-me', b'damaged!!')\n"
                 "open('/opt/notes.bin', 'wb').write(data)\n"
                 "PROGRAM"),
          "leftovers", says=("/opt/notes.bin!/notes.txt", "private key"), hides=KEY),
    Fault(
        "code in /tmp, where the verifier's containers do not see it",
        file("/tmp/extra/statistics.py", "mean = 42") + "WORKDIR /tmp/extra",
        "leftovers", says=("/tmp/extra/statistics.py",),
    ),
    Fault("a .env in a zip file",
          as_root(f"cd /tmp\necho TOKEN={SECRET} >.env\npython3 -m zipfile -c /opt/notes.bin .env\nrm .env"),
          "leftovers", says=("/opt/notes.bin", ".env"), hides=SECRET),
)  # fmt: skip

HISTORY = (
    Fault("a secret in the history", f"ARG UPLOAD_TOKEN={SECRET}\nRUN true", "history", says=("UPLOAD_TOKEN",),
          hides=SECRET),
    Fault("a secret in the environment", f"ENV UPLOAD_PASSWORD={SECRET}", "history", says=("UPLOAD_PASSWORD",),
          hides=SECRET),
    Fault("a secret in a label", f'LABEL deploy.note="API_KEY={SECRET}"', "history", says=("API_KEY",), hides=SECRET),
    Fault("a secret in the command",
          f'CMD ["sh", "-c", "UPLOAD_TOKEN={SECRET} exec uvicorn ktrdr.api.main:app --host 0.0.0.0"]',
          "history", says=("UPLOAD_TOKEN",), hides=SECRET),
    Fault("a password on the command line, in the history", f"RUN true curl -u me:{SECRET} host", "history",
          says=("curl -u",), hides=SECRET),
    Fault("a password that a command is given without a word, in the history", f"RUN true sshpass -p {SECRET} ssh host",
          "history", says=("sshpass -p",), hides=SECRET),
    Fault("a secret in a label's JSON", f"""LABEL deploy.note='{{"password": "{SECRET}"}}'""", "history",
          says=("password",), hides=SECRET),
    Fault("a password in a line of YAML, in the history", f"RUN true 'password: {SECRET}'", "history",
          says=("secret: password",), hides=SECRET),
    Fault("a key in a header of HTTP, in the history", f"RUN true -H 'X-Api-Key: {SECRET}' host", "history",
          says=("secret: X-Api-Key",), hides=SECRET),
    Fault("a password that holds an @, in an address in the history", f"RUN true https://me:pass@{SECRET}@host/x",
          "history", says=("credential: https://",), hides=SECRET),
    Fault("a private key in the history", packed("true"), "history", says=("a private key",), hides=KEY),
    Fault("a token under an innocent name", f"ENV BANNER={TOKEN}", "history", says=("ghp_",), hides=TOKEN),
    Fault("a proxy with credentials in the environment", f"ENV HTTPS_PROXY=http://me:{SECRET}@proxy.invalid:3128",
          "history", says=("HTTPS_PROXY",), hides=SECRET),
    Fault("the build host's package index in the history",
          f"ARG UV_DEFAULT_INDEX=https://me:{SECRET}@index.invalid/simple\nRUN true",
          "history", says=("UV_DEFAULT_INDEX",), hides=SECRET),
)  # fmt: skip

FAULTS = (*LAYERS, *HISTORY)
