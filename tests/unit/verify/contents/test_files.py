"""What has no business in an image is known by its name and by what it begins with, in whatever layer it lies."""

import base64
import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.archives import Member, file, read, removed
from tests.support.elves import shared_library
from verify.contents.elf import ARCHIVE, DEVICE_CODE
from verify.contents.files import by_content, examine
from verify.contents.raw_layer import NOTHING
from verify.contents.secrets import by_name
from verify.contents.unwanted import is_cuda_name

# Put together here, so that no scanner for secrets takes this file for one that holds a key.
BEGIN, KEY = "-----BEGIN ", "PRIVATE KEY-----"
BODY = "MIIB" * 4


def kinds(*members: Member) -> list[str]:
    return [one.kind for one in read([*members]).leftovers]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("app/.git", "git"),
        ("app/.env", "environment"),
        (".env.production", "environment"),
        ("app/.envrc", "environment"),
        ("srv/notes.git/HEAD", "git"),
        ("root/.my.cnf", "credentials"),
        *(
            (f"root/{name}", "credentials")
            for name in (
                ".htpasswd",
                ".s3cfg",
                ".boto",
                ".smbcredentials",
                "terraform.tfstate",
                "terraform.tfstate.backup",
                ".ash_history",
                ".viminfo",
                ".lesshst",
                ".node_repl_history",
                ".ssh/authorized_keys",
                "secrets.yml",
                "secrets.yaml",
                ".netrc~",
                ".npmrc.bak",
                ".docker/config.json.old",
                ".id_rsa.swp",
            )
        ),
        ("app/.env~", "environment"),
        ("app/#.env#", "environment"),
        ("app/.env#", "environment"),
        ("app/.ENV", "environment"),
        ("app/Prod.Env", "environment"),
        ("app/.env.local.example.com", "environment"),
        ("root/.netrc.~1~", "credentials"),
        ("root/.netrc.save.1", "credentials"),
        ("root/.netrc.1", "credentials"),
        ("root/.netrc.new", "credentials"),
        ("var/cache/debconf/passwords.dat", "credentials"),
        ("var/cache/debconf/passwords.dat-old", "credentials"),
        ("root/#.netrc#", "credentials"),
        ("root/ID_RSA", "credentials"),
        ("app/prod.env.orig", "environment"),
        ("app/.env.swp", "environment"),
        ("opt/x.p12.bak", "private key"),
        ("root/.kube/config", "credentials"),
        ("root/.config/gh/hosts.yml", "credentials"),
        ("home/ktrdr/.netrc", "credentials"),
        ("root/.pypirc", "credentials"),
        ("root/.npmrc", "credentials"),
        ("root/.git-credentials", "credentials"),
        ("etc/pip.conf", "credentials"),
        ("root/.config/pip/pip.conf", "credentials"),
        ("root/.config/uv/uv.toml", "credentials"),
        ("root/.docker/config.json", "credentials"),
        ("root/.aws/credentials", "credentials"),
        ("root/.ssh/id_rsa", "credentials"),
        ("root/.ssh/id_ed25519", "credentials"),
        ("root/.config/gcloud/application_default_credentials.json", "credentials"),
        ("root/.config/pypoetry/auth.toml", "credentials"),
        ("root/.local/share/uv/credentials/credentials.toml", "credentials"),
        ("root/.cargo/credentials.toml", "credentials"),
        ("root/.vault-token", "credentials"),
        ("root/.bash_history", "credentials"),
        ("root/.m2/settings.xml", "credentials"),
        ("root/.terraform.d/credentials.tfrc.json", "credentials"),
        ("run/secrets/db", "credentials"),
        ("app/.env-prod", "environment"),
        ("app/.env_prod", "environment"),
        ("app/prod.env", "environment"),
        ("app/env.prod", "environment"),
        ("app/env.production", "environment"),
        ("app/store.jks", "private key"),
    ],
)
def test_a_name_says_what_a_file_is_and_decides_nothing(path: str, kind: str) -> None:
    assert by_name(f"/{path}") == ["named like credentials" if kind in ("credentials", "private key") else kind]
    assert kinds(file(path, b"x")) == []


@pytest.mark.parametrize(
    "path",
    [
        "app/environment.py",
        "app/config.json",
        "app/.gitignore",
        "app/credentials.py",
        "app/my.netrc",
        "app/env.py",
        "app/env.so",
        "app/.environ",
        "app/settings.xml",
        "run/secretsauce",
        "app/env.d/x",
        "app/.env.example",
        "app/.env.sample",
        "app/.env-template",
        "app/.env.dist",
        "app/HEAD",
    ],
)
def test_a_file_whose_name_is_only_alike_is_called_nothing(path: str) -> None:
    assert by_name(f"/{path}") == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (BEGIN + KEY, "private key"),
        (BEGIN + "RSA " + KEY, "private key"),
        (BEGIN + "EC " + KEY, "private key"),
        (BEGIN + "OPENSSH " + KEY, "private key"),
        (BEGIN + "ENCRYPTED " + KEY, "private key"),
        (BEGIN + "CERTIFICATE-----", "certificate"),
        (BEGIN + "TRUSTED CERTIFICATE-----", "certificate"),
    ],
)
def test_a_key_or_certificate_is_known_by_its_content_whatever_it_is_called(text: str, kind: str) -> None:
    assert kinds(file("opt/notes.txt", f"words before it\n{text}\n{BODY}")) == [kind]


@pytest.mark.parametrize(
    "text", [BEGIN + "PUBLIC KEY-----", BEGIN + "CERTIFICATE REQUEST-----", "PRIVATE KEY", "BEGIN CERTIFICATE"]
)
def test_what_is_neither_key_nor_certificate_is_no_leftover(text: str) -> None:
    assert kinds(file("opt/notes.txt", text)) == []


@pytest.mark.parametrize(
    "text",
    [
        f"{BEGIN}RSA {KEY}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n{BODY}",
        f"{BEGIN}PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{BODY}",
        f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: mine\n{BODY}",
        f'{{"private_key": "{BEGIN}{KEY}\\n{BODY}"}}',
        f'key = (\n    b"{BEGIN}{KEY}\\n"\n    b"{BODY}"\n)',
        f"key: |\n  {BEGIN}{KEY}\r\n  {BODY}",
        f"# {BEGIN}{KEY}\n# {BODY}",
        f"// {BEGIN}{KEY}\n// {BODY}",
        f'key = "{BEGIN}{KEY}\\n\\\n{BODY}"',
        f"{BEGIN}{KEY} {BODY}",
        "client-key-data: " + base64.b64encode(f"{BEGIN}EC {KEY}\n{BODY * 4}".encode()).decode(),
        "data: " + base64.encodebytes(f"{BEGIN}ENCRYPTED {KEY}\n{BODY * 4}".encode()).decode(),
    ],
)
def test_a_key_is_known_however_its_text_is_written(text: str) -> None:
    assert kinds(file("opt/notes.txt", text)) == ["private key"]


@pytest.mark.parametrize("line", [BEGIN + KEY, BEGIN + "CERTIFICATE-----", "---- BEGIN SSH2 PRIVATE KEY ----"])
@pytest.mark.parametrize(
    "after", ["", "\n", '" is the line that begins it', "\n...\n", "\nand then base64", "\nMIIB\0"]
)
def test_a_text_about_keys_that_holds_none_is_no_leftover(line: str, after: str) -> None:
    assert kinds(file("opt/notes.txt", f'a key: "{line}{after}')) == []
    assert kinds(file("opt/notes.txt", base64.b64encode(f"{line}{after}".encode().ljust(60)))) == []


def test_a_file_with_a_key_and_its_certificate_is_both() -> None:
    assert kinds(file("opt/both.pem", f"{BEGIN}{KEY}\n{BODY}\n{BEGIN}CERTIFICATE-----\n{BODY}")) == [
        "certificate",
        "private key",
    ]


def test_a_leftover_is_told_with_path_and_layer_although_a_later_layer_deletes_it() -> None:
    contents = read(
        [file("etc/passwd", 3)],
        [file("srv/key.pem", f"{BEGIN}{KEY}\n{BODY}")],
        [removed("srv/key.pem"), removed("srv")],
    )
    (one,) = contents.leftovers
    assert (one.kind, one.path, one.layer) == ("private key", "/srv/key.pem", 1)


def test_deleting_a_leftover_is_none_itself() -> None:
    assert kinds(removed("app/.env"), removed("app/.git")) == []


def test_a_certificate_in_a_distribution_s_metadata_is_found_too() -> None:
    assert kinds(file("opt/site-packages/x-1.dist-info/METADATA", f"Name: x\n{BEGIN}CERTIFICATE-----\n{BODY}")) == [
        "certificate"
    ]


@settings(deadline=None, max_examples=50)
@given(path=st.text(min_size=1, max_size=20).map("/{}".format), data=st.binary(max_size=300))
def test_whatever_a_file_is_called_and_holds_it_can_be_examined(path: str, data: bytes) -> None:
    head, facts = examine(path, len(data), io.BytesIO(data))
    assert data.startswith(head)
    assert isinstance(by_content(path, head, len(data)) + by_name(path), list)
    assert facts != NOTHING or not is_cuda_name(path)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_no_more_than_the_beginning_of_a_file_is_kept(size: int) -> None:
    head, _ = examine("/x", size, io.BytesIO(bytes(size)))
    assert len(head) == min(size, 1 << 20)


def test_a_key_in_der_is_known_from_its_beginning_where_the_size_of_all_of_it_is_given() -> None:
    key = bytes.fromhex("30820200" + "020103" + "30") + bytes(0x200 - 4)
    assert by_content("/k", key, len(key)) == ["private key"]
    assert by_content("/k", key[:64], len(key)) == ["private key"]
    assert by_content("/k", key[:64], 64) == []


INFO = "/opt/venv/lib/python3.11/site-packages/x-1.dist-info"


def text_of(path: str, size: int = 4) -> str | None:
    return examine(path, size, io.BytesIO(b"text"))[1].text


@pytest.mark.parametrize(
    "path", [*(f"{INFO}/{name}" for name in ("METADATA", "RECORD", "WHEEL")), "/srv/x.pth", "/opt/venv/pyvenv.cfg"]
)
def test_what_says_what_is_installed_and_searched_is_kept_as_text_up_to_16_mib(path: str) -> None:
    assert [text_of(path, size) for size in (4, 16 << 20, (16 << 20) + 1)] == ["text", "text", None]


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/etc/gshadow"])
def test_accounts_are_kept_without_passwords_up_to_16_mib(path: str) -> None:
    assert [text_of(path, size) for size in (4, 16 << 20, (16 << 20) + 1)] == ["text", "text", None]


@pytest.mark.parametrize("path", [f"{INFO}/INSTALLER", "/srv/METADATA", "/etc/gshadow-", "/srv/pyvenv.cfg.old"])
def test_no_other_text_is_kept(path: str) -> None:
    assert text_of(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/x/site-packages/a/b.py", "/x/dist-packages/a/b.py", "/opt/bin/python3.11", "/app/ktrdr/a.yaml",
        "/x/site-packages/ktrdr/page/a.js",
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [5, (2 << 20) + 5])
def test_a_distribution_s_source_and_what_may_be_an_interpreter_are_hashed_from_end_to_end(
    path: str, size: int
) -> None:
    data = b"\x01" * size
    _, facts = examine(path, size, io.BytesIO(data))
    assert facts.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("path", ["/x/site-packages/a/b.txt", "/app/b.pyx", "/opt/bin/tool", "/opt/python3.11"])
def test_nothing_else_is_hashed(path: str) -> None:
    assert examine(path, 4, io.BytesIO(b"text"))[1] == NOTHING


NAMES = (
    "/x/site-packages/a/b.py", "/x/dist-packages/b.py", "/x/site-packages/a.pth", f"{INFO}/METADATA", f"{INFO}/RECORD",
    "/opt/pyvenv.cfg", "/etc/passwd", "/usr/share/doc/a/copyright", "/opt/bin/python3", "/opt/fast",
)  # fmt: skip


@pytest.mark.parametrize("path", NAMES)
@pytest.mark.parametrize("gap", [0, 2 << 20])
def test_code_for_a_gpu_is_found_whatever_the_file_is_called(path: str, gap: int) -> None:
    needs = shared_library("libfast.so.1", needed=("libcudart.so.13",))
    program = shared_library("libfast.so.1") + bytes(gap) + DEVICE_CODE[0]
    static = ARCHIVE + bytes(gap) + DEVICE_CODE[0]
    told = [examine(path, len(data), io.BytesIO(data))[1] for data in (needs, program, static)]
    assert [facts.cuda for facts in told] == ["needs libcudart.so.13", "has code for a GPU", "has code for a GPU"]
    assert [facts.machine for facts in told] == ["02013e00", "02013e00", None]


@pytest.mark.parametrize("path", NAMES[:2])
def test_a_source_that_is_none_is_hashed_from_end_to_end_all_the_same(path: str) -> None:
    data = ARCHIVE + DEVICE_CODE[0] + bytes(3 << 20)
    assert examine(path, len(data), io.BytesIO(data))[1].sha256 == hashlib.sha256(data).hexdigest()


def test_an_elf_file_is_a_library_with_its_soname() -> None:
    data = shared_library("libx.so.1")
    _, facts = examine("/x", len(data), io.BytesIO(data))
    assert (facts.machine, facts.soname, facts.sha256, facts.text) == ("02013e00", "libx.so.1", None, None)


@pytest.mark.parametrize(
    "path",
    ["opt/ml/torch/__init__.py", "opt/x/libtorch_cpu.so", "opt/libtorch.so.2", "opt/libc10.so", "x/libc10_cuda.so"],
)
def test_torch_is_known_by_its_path_in_whatever_layer_it_lies(path: str) -> None:
    assert read([file(path, b"x")], [removed(path)]).torch == [f"/{path}"]


def test_torch_s_library_is_known_by_its_soname_whatever_it_is_called() -> None:
    assert read([file("opt/fast.so", shared_library("libtorch_cpu.so"))]).torch == ["/opt/fast.so"]


@pytest.mark.parametrize(
    "path", ["opt/safetensors/torch.py", "opt/torch/notes.txt", "opt/libtorch.txt", "opt/libc.so.6"]
)
def test_what_only_speaks_of_torch_is_none(path: str) -> None:
    assert read([file(path, b"x")]).torch == []


@pytest.mark.parametrize("mark", ["ghp_", "npm_", "AIza", "sk-"])
def test_a_token_that_its_maker_marks_is_known_in_any_text(mark: str) -> None:
    assert kinds(file("opt/notes.txt", f"note = {mark}{'0a' * 20}\n")) == ["credentials"]


@pytest.mark.parametrize("text", ["ghp_short", "task-" + "0a" * 20, "npm_config_registry", "AKIAN", "sk-learn"])
def test_what_only_begins_like_a_token_is_none(text: str) -> None:
    assert kinds(file("opt/notes.txt", text)) == []


def test_a_record_is_read_to_its_end_however_long_it_is() -> None:
    record = b"foo/a.py,sha256=YQ,3\n" * 100_000
    _, facts = examine("/opt/lib/site-packages/foo-1.0.dist-info/RECORD", len(record), io.BytesIO(record))
    assert facts.text == record.decode()


LOGIN = "git+https://deploy:hunter2@host.invalid/x"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("METADATA", f"Name: a\nRequires-Dist: tool @ {LOGIN}\n\nText", True),
        ("METADATA", f"Name: a\nProject-URL: Source, {LOGIN}\n", True),
        ("METADATA", f"Name: a\n\nConnect to {LOGIN}", False),
        ("METADATA", f"Name: a\r\n\r\nConnect to {LOGIN}", False),
        ("METADATA", f"Description: a\n        {LOGIN}\n\tmore {LOGIN}\nName: a", False),
        ("METADATA", f"Description: a\n  b\nHome-page: {LOGIN}", True),
        ("METADATA", f"Summary: parses {LOGIN}\nKeywords: {LOGIN}\n", False),
        ("PKG-INFO", f"Download-URL: {LOGIN}", True),
        ("direct_url.json", f'{{"url": "{LOGIN}"}}', True),
        ("direct_url.json", '{"url": "https://hunter2hunter2hunter2@host/x"}', True),
        ("direct_url.json", '{"url": "https://:hunter2@host/x"}', True),
        ("direct_url.json", '{"url": "https://me@host/x"}', False),
        ("direct_url.json", '{"url": "ssh://git@host/x"}', False),
        ("direct_url.json", '{"url": "https://${USER}:${PASS-WORD}@host/x"}', False),
        ("direct_url.json", '{"url": "https://${TOKEN_OF_MORE_THAN_TWENTY_LETTERS}@host/x"}', False),
        ("direct_url.json", '{"url": "https://${USER}:hunter2@host/x"}', True),
        ("direct_url.json", '{"url": "https://host/a:b@c/x?d:e@f#g:h@i"}', False),
        ("uv_cache.json", LOGIN, True),
        ("README.txt", LOGIN, False),
        ("licenses/LICENSE", LOGIN, False),
    ],
)
def test_an_address_with_a_password_is_no_origin_of_a_distribution(name: str, text: str, *, told: bool) -> None:
    for info in ("a-1.dist-info", "a.egg-info"):
        assert kinds(file(f"opt/site-packages/{info}/{name}", text)) == ["credentials"] * told


def test_a_password_in_metadata_is_not_kept() -> None:
    data = f"Name: a\nRequires-Dist: tool @ {LOGIN}\n".encode()
    facts = examine("/x/site-packages/a-1.dist-info/METADATA", len(data), io.BytesIO(data))[1]
    assert facts.text == "Name: a\nRequires-Dist: tool @ git+https://***@host.invalid/x\n"
