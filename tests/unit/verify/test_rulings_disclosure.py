"""What an image's configuration discloses is told by kind and name; its value is written nowhere."""

import time

import pytest

from verify.disclosure import HIDDEN, disclosures, masked


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ENV DB_PASSWORD=hunter2", ["secret: DB_PASSWORD"]),
        ("LABEL api-key=hunter2", ["secret: api-key"]),
        ("https_proxy=http://hunter2:1", ["proxy: https_proxy"]),
        ("RUN curl https://me:hunter2@host/x", ["credential: https://…"]),
        ("RUN pip install git+https://hunter2@host/x", ["credential: https://…"]),
        ("ARG UV_INDEX=https://hunter2", ["host's setting: UV_INDEX"]),
        ("RUN echo '-----BEGIN " + "PRIVATE KEY-----\nMII' >key", ["a private key"]),
        ("ENV BANNER=ghp_" + "0a" * 18, ["token: ghp_…"]),
        ("ENV DB_PWD=hunter2", ["secret: DB_PWD"]),
        ("ENV JWT_SIGNING_KEY=hunter2", ["secret: JWT_SIGNING_KEY"]),
        ("ENV ENCRYPTION_KEY=hunter2", ["secret: ENCRYPTION_KEY"]),
        ('LABEL x={"password": "hunter2"}', ["secret: password"]),
        ("RUN curl -sSu me:hunter2 host", ["credential: curl -u"]),
        ("RUN tool --token hunter2", ["secret: --token"]),
        ('CMD ["tool" "--password" "hunter2"]', ["secret: --password"]),
        ("ENV BANNER=AIza" + "0a" * 18, ["token: AIza…"]),
        ("ENV BANNER=sk-" + "0a" * 18, ["token: sk-…"]),
        ("ENV BANNER=ASIA" + "0A" * 8, ["token: ASIA…"]),
        ("RUN curl https://me:pa@hunter2@host/x", ["credential: https://…"]),
        ("RUN curl https://pa@hunter2@host/x", ["credential: https://…"]),
        ("RUN curl -H 'X-Api-Key: hunter2' host", ["secret: X-Api-Key"]),
        ("RUN curl -H X-Auth-Token:hunter2 host", ["secret: X-Auth-Token"]),
        ("RUN echo 'password: hunter2' >/srv/x.yaml", ["secret: password"]),
        ("RUN echo api_key: hunter2 >>/srv/x.yaml", ["secret: api_key"]),
        ('RUN printf "user: me\\ndb_password: hunter2\\n"', ["secret: db_password"]),
        ("user: me\npassword: hunter2\nport: 1", ["secret: password"]),
        ("LABEL x={'password': 'hunter2'}", ["secret: password"]),
        ("RUN echo 'the password: must be long'", []),
        ("RUN echo 'password: ${DB_PASSWORD}'", []),
        ("RUN echo 'password: $DB_PASSWORD'", []),
        ("RUN echo 'password: null'", []),
        ("RUN echo 'passwd: files systemd'", []),
        ("LABEL note='Enter your password:'", []),
        ("LABEL note='https://host/a, me@host'", []),
        ("X-Request-Id: 12", []),
        ("RUN sshpass -p hunter2 ssh host", ["secret: sshpass -p"]),
        ("RUN sshpass -phunter2 ssh host", ["secret: sshpass -p"]),
        ('CMD ["sshpass", "-p", "hunter2"]', ["secret: sshpass -p"]),
        ("RUN docker login -u me -p hunter2 host", ["secret: login -p"]),
        ("RUN mysql -u root -phunter2 db", ["secret: mysql -p"]),
        ("RUN mysqldump -phunter2 db", ["secret: mysql -p"]),
        ("RUN echo 'machine host login me password hunter2' >.netrc", ["secret: netrc"]),
        ("RUN printf 'machine host\\nlogin me\\npassword hunter2\\n' >.netrc", ["secret: netrc"]),
        ("RUN echo 'default login me password hunter2' >.netrc", ["secret: netrc"]),
        ("RUN sshpass -e ssh -o Port=1 host", []),
        ('RUN sshpass -p "$WORD" ssh host', []),
        ("RUN docker login -u me --password-stdin host", []),
        ("RUN docker login host && mkdir -p /srv", []),
        ("RUN mysql -p db && mysql --port=1 db", []),
        ("RUN apt-get install default-mysql-client && mkdir -p/srv", []),
        ("LABEL note='a machine that asks for no password at all'", []),
        ("RUN echo '---- BEGIN SSH2 ENCRYPTED " + "PRIVATE KEY ----\nMII' >key", ["a private key"]),
        ("RUN echo '-----BEGIN PGP " + "PRIVATE KEY BLOCK-----\nMII' >key", ["a private key"]),
        ("ENV SSHPASS=hunter2", ["secret: SSHPASS"]),
        ("ENV DB_PASS=hunter2", ["secret: DB_PASS"]),
        ("ENV API_TOKENS=hunter2", ["secret: API_TOKENS"]),
        ("ENV MAX_TOKENS=5hunter", ["secret: MAX_TOKENS"]),
        ("ENV API_TOKENS=1,hunter2", ["secret: API_TOKENS"]),
        ("ENV BANNER=x-ghp_" + "0a" * 18, ["token: ghp_…"]),
        ("RUN task-sk-" + "0a" * 18, []),
        ('LABEL x={"authToken": "hunter2"}', ["secret: authToken"]),
        ('LABEL x={"tokenValue": "hunter2"}', ["secret: tokenValue"]),
        ("ENV AWS_SECRET_ACCESS_KEY=hunter2", ["secret: AWS_SECRET_ACCESS_KEY"]),
        ("ENV MINIO_SECRETKEY=hunter2", ["secret: MINIO_SECRETKEY"]),
        ("ENV TOKEN_FILES=hunter2", ["secret: TOKEN_FILES"]),
        ("ENV TOKENIZERS_PARALLELISM=false", []),
        ("ENV tokenizers_parallelism=false", []),
        ("ENV KTRDR_DATABASE_PASSWORD_FILE=/run/secrets/db", []),
        ("ENV API_TOKEN_PATH=/run/secrets/api", []),
        ("ENV COMPASS=north", []),
        ("RUN serve --max-tokens=5 BYPASS=1", []),
        ('LABEL x={"max_tokens": 5, "secretary": "Ada"}', []),
        ("ENV PWD=/srv", []),
        ("RUN docker run --user 10001:10001", []),
        ("RUN curl --fail host | sort -u a:b", []),
        ("RUN tool --token-file /run/x", []),
        ("RUN pip install pypi-attestations-of-all", []),
        ("ENV PATH=/usr/bin", []),
        ("RUN git clone ssh://git@host/x", []),
    ],
)
def test_a_disclosure_is_told_by_kind_and_name(text: str, told: list[str]) -> None:
    assert disclosures(text) == told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_TOKEN", "hunter2"),
        ("HTTPS_PROXY", "http://hunter2:1"),
        ("UV_INDEX", "https://me:hunter2@host/simple"),
        ("", "ARG PASSWORD=hunter2"),
        ("", "RUN PASSWORD='not hunter2' make"),
        ("", "RUN echo '-----BEGIN " + "RSA PRIVATE KEY-----\nhunter2\n-----END " + "RSA PRIVATE KEY-----'"),
        ("", "RUN echo '-----BEGIN " + "PRIVATE KEY-----hunter2"),
        ("BANNER", "AKIA0123456789hunter2AB"),
        ("", "ENV DB_PWD=hunter2"),
        ("NOTE", '{"password": "hunter2"}'),
        ("", "RUN curl -u me:hunter2 host"),
        ("", "RUN tool --token hunter2"),
        ("", 'CMD ["tool" "--password" "hunter2"]'),
        ("", 'ENV PASSWORD="a b hunter2"'),
        ("", "RUN sshpass -phunter2 ssh host"),
        ("", "RUN docker login -u me -p 'hunter2' host"),
        ("", "RUN mysql -u root -phunter2 db"),
        ("", "RUN echo 'machine host login me password hunter2' >.netrc"),
        ("", "RUN HTTPS_PROXY=http://hunter2:1 make"),
        ("", "RUN curl https://me:hunter2@host/x"),
        ("", "RUN pip install git+https://hunter2@host/x"),
        ("", "RUN curl https://me:pa@hunter2@host/x"),
        ("", "RUN curl https://me:pa@ss@hunter2@host"),
        ("", "RUN curl https://pa@hunter2@host/x"),
        ("", "RUN curl -H 'X-Api-Key: hunter2' host"),
        ("", "RUN echo 'password: hunter2' >/srv/x.yaml"),
        ("NOTE", 'password: "not hunter2"'),
    ],
)
def test_a_value_that_must_not_be_written_is_hidden(name: str, value: str) -> None:
    hidden = masked(name, value)
    assert "hunter2" not in hidden
    assert HIDDEN in hidden


@pytest.mark.parametrize(
    ("name", "value"), [("PATH", "/usr/bin"), ("GITHUB_TOKEN", ""), ("", "RUN make all"), ("A", "")]
)
def test_an_ordinary_value_is_written_as_it_is(name: str, value: str) -> None:
    assert masked(name, value) == value


@pytest.mark.parametrize(
    "text",
    ["ENV DB_PASSWORD=hunter2", 'LABEL x={"password": "hunter2"}', "RUN curl -u me:hunter2 host",
     "RUN tool --token hunter2", "https_proxy=http://hunter2:1", "RUN curl https://me:hunter2@host/x",
     "RUN curl https://me:pa@ss@host", "RUN curl -H 'X-Api-Key: hunter2'", "RUN echo 'password: hunter2' >x",
     "RUN sshpass -p hunter2 ssh host", "RUN docker login -p hunter2 host", "RUN mysql -phunter2 db",
     "RUN echo 'machine host login me password hunter2' >.netrc",
     "ENV BANNER=ghp_" + "0a" * 18, "RUN echo '-----BEGIN " + "PRIVATE KEY-----\nMII' >key"],
)  # fmt: skip
def test_what_was_hidden_is_still_told(text: str) -> None:
    assert disclosures(masked("", text)) == disclosures(text) != []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a:b@h,c@d", f"https://{HIDDEN}:{HIDDEN}@h,c@d"),
        ("https://a:b@h?mail=c@d", f"https://{HIDDEN}:{HIDDEN}@h?mail=c@d"),
        ('["https://a:b@h","c@d"]', f'["https://{HIDDEN}:{HIDDEN}@h","c@d"]'),
    ],
)
def test_what_follows_an_address_with_a_password_stays(text: str, shown: str) -> None:
    assert masked("", text) == shown


def test_the_line_around_a_hidden_value_stays() -> None:
    assert masked("", "RUN PASSWORD=x make all") == f"RUN PASSWORD={HIDDEN} make all"


@pytest.mark.parametrize("end", ["", "=", "_FILE=x"])
@pytest.mark.parametrize(
    "words",
    [
        "docker login ", "mysql -x ", "mysql-", "sshpass ", "machine a login b ", "machine \",'", "TOKENS", "a-",
        "a.", "a:", "PASSWORD-", "PASSWORD", "_FILE-PASSWORD", "x-", "x-key-", "curl ", "curl -u ", "xoxb-", "sk-", "a://a:b@",
        "UV_INDEX", "password: x y ", "password:\\n", "--token '", "-----BEGIN A ",
    ],
)  # fmt: skip
def test_a_text_of_any_length_is_looked_through_in_no_time(words: str, end: str) -> None:
    began = time.process_time()
    text = words * (20_000 // len(words)) + end
    disclosures(text)
    masked("", text)
    assert time.process_time() - began < 5  # seconds; a tenth of one, and without bounds a minute and more
