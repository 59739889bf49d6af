"""The database URL: what it names, and what is said of one that names nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr.settings import Settings
from ktrdr.store_address import FORMS, Address, PostgresServer, SqliteFile, read_address

SERVER = "postgresql://ktrdr@db/ktrdr"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sqlite:///data/ktrdr.db", SqliteFile(Path("data/ktrdr.db"))),
        ("sqlite:////var/lib/ktrdr.db", SqliteFile(Path("/var/lib/ktrdr.db"))),
        (SERVER, PostgresServer("db", 5432, "ktrdr", "ktrdr")),
        ("postgres://ktrdr@db/ktrdr", PostgresServer("db", 5432, "ktrdr", "ktrdr")),
        ("postgresql://u:p@10.0.0.1:6432/n", PostgresServer("10.0.0.1", 6432, "n", "u", "p")),
        ("postgresql://u%40corp:p%40%2F%3A%25@db/n%20n", PostgresServer("db", 5432, "n n", "u@corp", "p@/:%")),
        ("postgresql://u:p@[::1]:5433/n", PostgresServer("::1", 5433, "n", "u", "p")),
        ("postgresql://u@/n?host=/run/postgresql", PostgresServer("/run/postgresql", 5432, "n", "u")),
        ("postgresql://u@db/n?sslmode=verify-full", PostgresServer("db", 5432, "n", "u", tls="verify-full")),
    ],
)
def test_a_url_names_a_file_or_a_server(url: str, address: Address) -> None:
    assert read_address(url) == address


@pytest.mark.parametrize(
    ("url", "shown", "wrong"),
    [
        ("mysql://u:secret@db/n", "'mysql://***@db/n'", "no database that ktrdr knows"),
        ("ktrdr.db", "'ktrdr.db'", "no database that ktrdr knows"),
        ("sqlite:/ktrdr.db", "'sqlite:***'", "no database that ktrdr knows"),
        ("sqlite://ktrdr.db", "'sqlite://ktrdr.db'", "after three slashes"),
        ("sqlite:///", "'sqlite:///'", "names no file"),
        ("sqlite:///:memory:", "'sqlite:///:***'", "names no file"),
        ("postgresql://db/n", "'postgresql://db/n'", "no user"),
        ("postgresql://u:secret@/n", "'postgresql://***@/n'", "no host"),
        ("postgresql://u:secret@db", "'postgresql://***@db'", "no database name"),
        ("postgresql://u:secret", "'postgresql://u:***'", "cannot be split"),
        ("postgresql://u:secret@db:many/n", "'postgresql://***@db:many/n'", "cannot be split"),
        ("postgresql://u:secret@db:0/n", "'postgresql://***@db:0/n'", "cannot be split"),
        ("postgresql://u:se/cret@db/n", "'postgresql://***@db/n'", "cannot be split"),
        ("postgresql://u:se#cret@db/n", "'postgresql://***@db/n'", "cannot be split"),
        ("postgresql://u:secret@db/n?password=secret", "'postgresql://***@db/n?password=***'", "not password"),
        ("postgresql://u:secret@db/n?sslmode=maybe", "'postgresql://***@db/n?sslmode=maybe'", "not maybe"),
    ],
)
def test_a_url_that_names_nothing_is_told_with_its_mend_and_without_its_password(
    url: str, shown: str, wrong: str
) -> None:
    with pytest.raises(ValueError, match="sqlite:///path") as refusal:
        read_address(url)
    message = str(refusal.value)
    assert message.startswith(shown)
    assert wrong in message
    assert message.endswith(FORMS)
    assert "cret" not in message


def told(url: str) -> str:
    """All that is ever printed of a URL."""
    try:
        address = read_address(url)
    except ValueError as error:
        return str(error)
    return f"{address} {address!r}"


@given(st.text(), st.sampled_from(["postgresql://u:{}@db/n", "postgresql://u:{}@db:x/n", "mysql://{}@db", "u:{}@db"]))
def test_no_password_before_a_host_gets_into_a_message_whatever_it_holds(password: str, form: str) -> None:
    found = told(form.format(f"<<{password}>>"))
    assert "<<" not in found
    assert ">>" not in found


@given(st.text(st.characters(exclude_characters="@")), st.sampled_from(["postgresql://u:{}", "u:{}", "mysql:{}"]))
def test_no_password_without_a_host_gets_into_a_message(password: str, form: str) -> None:
    found = told(form.format(f"<<{password}>>"))
    assert "<<" not in found
    assert ">>" not in found


def test_a_server_is_shown_without_its_password() -> None:
    address = read_address("postgresql://u%40corp:secret@[::1]:5433/n%20n")
    assert str(address) == "postgresql://u%40corp@[::1]:5433/n%20n"
    assert "secret" not in repr(address)


def test_the_store_is_a_file_in_the_data_directory_unless_a_url_says_otherwise() -> None:
    assert Settings.from_environment({}) == Settings(Path("data"), SqliteFile(Path("data/ktrdr.db")))
    elsewhere = Settings.from_environment({"KTRDR_DATA_DIR": "/d", "KTRDR_DATABASE_URL": SERVER})
    assert elsewhere == Settings(Path("/d"), PostgresServer("db", 5432, "ktrdr", "ktrdr"))


def test_the_password_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(" p@ss \n")
    settings = Settings.from_environment({"KTRDR_DATABASE_URL": SERVER, "KTRDR_DATABASE_PASSWORD_FILE": str(secret)})
    assert settings.database == PostgresServer("db", 5432, "ktrdr", "ktrdr", " p@ss ")


@pytest.mark.parametrize(
    ("content", "url", "wrong"),
    [
        (None, SERVER, "cannot be read: No such file or directory; mount the secret there"),
        (b"\n", SERVER, "is empty: write the password into it"),
        (b"\xff", SERVER, "cannot be read: it is not UTF-8"),
        (b"secret", "postgresql://ktrdr:secret@db/ktrdr", "has a password too: keep one of them"),
    ],
)
def test_a_password_file_that_will_not_do_is_told_with_its_mend(
    tmp_path: Path, content: bytes | None, url: str, wrong: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match="KTRDR_DATABASE_PASSWORD_FILE is ") as refusal:
        Settings.from_environment({"KTRDR_DATABASE_URL": url, "KTRDR_DATABASE_PASSWORD_FILE": str(file)})
    assert wrong in str(refusal.value)
    assert "secret'" not in str(refusal.value)


def test_a_backend_with_a_wrong_url_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    environment = {"KTRDR_DATABASE_URL": "postgresql://u:secret@db:x/n", "KTRDR_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "uvicorn", "ktrdr.api.main:app", "--port", "0"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("ktrdr: KTRDR_DATABASE_URL is 'postgresql://***@db:x/n': it cannot be split into its parts")
    assert line.endswith(FORMS)


def test_the_driver_of_a_server_is_not_imported_where_there_is_none() -> None:
    code = "import sys, ktrdr.api.main; print([name for name in sys.modules if name.startswith('pg8000')])"
    run = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"
