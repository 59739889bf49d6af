"""What was to stay outside lies in a layer, or is told by history and environment."""

import base64

from tests.broken_images.fault import SECRET, Fault, as_root, file

KEY = "hunter2CorrectHorse" * 2  # base64, and no key
PEM = "-----BEGIN " + f"PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----"
# A private key for Ed25519 (RFC 8410), and one for P-256 (RFC 5915), as DER: no text, and no name that tells
ED25519 = "302e020100300506032b657004220420" + "5a" * 32
P256 = "3031020101" + "0420" + "5a" * 32 + "a00a06082a8648ce3d030107"
TOKEN = "ghp_" + "0123456789abcdef" * 2 + "wxyz"  # as GitHub marks them
NOTES = "/home/ktrdr/notes.txt"
# As GitLab, HashiCorp, SendGrid, Stripe, Shopify, DigitalOcean, NVIDIA, Tailscale and Slack mark theirs, and RFC 7519
TOKENS = (
    "glrt-" + "0a" * 10, "hvs." + "0a" * 12, "SG." + "0a" * 11 + "." + "0a" * 21 + "b", "rk_live_" + "0a" * 12,
    "shpat_" + "0a" * 16, "dop_v1_" + "0a" * 32, "nvapi-" + "0a" * 32, "tskey-auth-" + "k0a0a0a0CNTRL-" + "0a" * 16,
    "https://hooks.slack.com/services/" + "T00000000/B00000000/" + "0a" * 12,
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJtZSJ9." + "0a" * 21,
)  # fmt: skip
NAMES = (
    ".env~",
    ".netrc.bak",
    ".npmrc.swp",
    ".htpasswd",
    ".s3cfg",
    "terraform.tfstate",
    ".ash_history",
    ".bash_history",
    ".python_history",
    ".viminfo",
    ".node_repl_history",
    ".ssh/authorized_keys",
)
COPIES = ("#.pgpass#", ".npmrc.~1~", ".boto", ".boto.save.1", ".ENV")  # fmt: skip


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
    Fault("a private key in a file that has the name of a deletion", file("/home/ktrdr/.wh.key", PEM), "leftovers",
          says=("/home/ktrdr/.wh.key (private key", "/home/ktrdr/.wh.key (whiteout"), hides=KEY),
    Fault("a private key that is no text", binary(NOTES, ED25519), "leftovers", says=(NOTES, "private key")),
    Fault("a private key that is no text, of an elliptic curve", binary(NOTES, P256), "leftovers",
          says=(NOTES, "private key")),
    Fault("a token in a text", file(NOTES, f"note = {TOKEN}"), "leftovers", says=(NOTES, "credentials"), hides=TOKEN),
    Fault("a token in a text as Windows' programs write it",
          binary(NOTES, f"\ufeffnote = {TOKEN}".encode("utf-16-le").hex()), "leftovers",
          says=(NOTES, "credentials"), hides=TOKEN),
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
    Fault("a git repository without a work tree, under a name that does not tell",
          file("/srv/mirror/HEAD", "ref: refs/heads/main"), "leftovers", says=("/srv/mirror/HEAD",)),
    Fault("a token in a coloured log", as_root(f"printf '\\033[32m{TOKEN}\\033[0m' >{NOTES}"), "leftovers",
          says=(NOTES, "credentials"), hides=TOKEN),
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
    Fault("a .git in archives, and a .env in a tar file from before POSIX, in one behind another, and in a zip file "
          "behind a program",
          as_root(f"cd /tmp\nmkdir .git\necho 'ref: refs/heads/main' >.git/HEAD\necho TOKEN={SECRET} >.env\necho x >a\n"
                  "tar -czf /opt/git.tar.gz .git/HEAD\npython3 -m zipfile -c /opt/git.zip .git\n"
                  "tar --format=v7 -cf /opt/v7.bin .env\n"
                  "tar -cf 1.tar a\ntar -cf 2.tar .env\ncat 1.tar 2.tar >/opt/two.bin\n"
                  "python3 -m zipfile -c z.zip .env\n(printf 'MZ a program'; cat z.zip) >/opt/setup.bin\n"
                  "rm -r .git .env a 1.tar 2.tar z.zip"),
          "leftovers",
          says=("/opt/git.tar.gz!/.git", "/opt/git.zip!/.git", "/opt/v7.bin!/.env", "/opt/two.bin!/.env",
                "/opt/setup.bin!/.env"),
          hides=SECRET),
    Fault("what an editor keeps of a .env and a .netrc, and where other programs keep credentials",
          "".join(file(f"/home/ktrdr/{name}", SECRET) for name in NAMES), "leftovers", says=NAMES, hides=SECRET),
    Fault("what Emacs and nano keep of such a file, and a .env in capitals",
          "".join(file(f"/home/ktrdr/{name}", SECRET) for name in COPIES), "leftovers", says=COPIES, hides=SECRET),
    Fault("tokens of other makers in texts, and one behind the end of a line in JSON",
          "".join(file(f"/opt/{number}.txt", f"note = {token}") for number, token in enumerate(TOKENS))
          + file("/opt/line.json", rf'{{"command": "set -e\n{TOKEN}"}}'),
          "leftovers", says=("/opt/line.json", *(f"/opt/{number}.txt" for number in range(len(TOKENS)))), hides=TOKEN),
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
    Fault("passwords that commands and addresses of other kinds are given, in the history",
          f"""RUN true gpg --passphrase {SECRET} && true openssl -passin pass:{SECRET} && true twine -p {SECRET}
RUN true "echo 'root:{SECRET}' | chpasswd"
RUN true aws configure set aws_secret_access_key {SECRET} && true redis-cli -a {SECRET}
RUN true htpasswd -b x me {SECRET}
RUN true -H 'PRIVATE-TOKEN: {SECRET}' 'https://host/x?sig={SECRET}' && true --from-literal=x={SECRET}
ENV NOTES="Server=db;Uid=me;Pwd={SECRET};"
ENV DB_PW={SECRET}
""",
          "history",
          says=("--passphrase", "openssl pass:", "twine -p", "chpasswd", "aws configure", "redis-cli -a", "htpasswd -b",
                "PRIVATE-TOKEN", "sig=", "--from-literal", "Pwd", "DB_PW"),
          hides=SECRET),
    Fault("proxies and package sources of the build host in commands, in the history",
          f"""RUN true pip install --index-url https://{SECRET}.invalid/simple && true pip --proxy http://{SECRET}.invalid:3128
RUN true curl -x http://{SECRET}.invalid:3128 host && true git config http.proxy http://{SECRET}.invalid:3128
RUN true 'Acquire::http::Proxy "http://{SECRET}.invalid:3128";'
ENV RSYNC_PROXY={SECRET}.invalid:3128 NO_PROXY=localhost,{SECRET}.invalid CI_HTTP_PROXY={SECRET}.invalid:3128
ENV UV_FIND_LINKS=https://{SECRET}.invalid/x
RUN true uv sync --index corp=https://{SECRET}.invalid/simple && true pip --trusted-host {SECRET}.invalid
""",
          "history", says=("--index-url", "--proxy", "curl -x", "proxy: config", "Acquire", "RSYNC_PROXY",
                "proxy: NO_PROXY", "CI_HTTP_PROXY", "UV_FIND_LINKS", "--trusted-host"),
          hides=SECRET),
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
