"""What an image's configuration discloses is told by kind and name; its value is written nowhere."""

import pytest

from verify.observe.disclosure import HIDDEN, disclosures, masked


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
        ("RUN printf '\\033[32mghp_" + "0a" * 18 + "'", ["token: ghp_…"]),
        ("ENV NO_PROXY=localhost,build.corp,10.1.0.0/16", ["proxy: NO_PROXY"]),
        ("ENV NO_PROXY=localhost,127.0.0.1,::1", []),
        ("ENV no_proxy='localhost,127.0.0.0/8'", []),
        ("ENV CI_HTTP_PROXY=http://proxy:1", ["proxy: CI_HTTP_PROXY"]),
        ("ENV SOCKS_PROXY=proxy:1 PIP_PROXY=proxy:1", ["proxy: SOCKS_PROXY", "proxy: PIP_PROXY"]),
        ("ENV npm_config_https_proxy=http://proxy:1", ["proxy: npm_config_https_proxy"]),
        ("ENV HTTP_PROXY_PORT=1 MY_PROXY=1", []),
        ("ENV UV_FIND_LINKS=https://wheels/x", ["host's setting: UV_FIND_LINKS"]),
        ("ENV PIP_TRUSTED_HOST=wheels", ["host's setting: PIP_TRUSTED_HOST"]),
        ("ENV CURL_CA_BUNDLE=/corp/ca.pem", ["host's setting: CURL_CA_BUNDLE"]),
        ("ENV SSL_CERT_DIR=/corp/ca", ["host's setting: SSL_CERT_DIR"]),
        ("ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/usr/share/ca.crt", []),
        ("RUN uv sync --index corp=https://host.corp/simple", ["host's setting: --index-url"]),
        ("RUN pip install --trusted-host wheels.corp x", ["host's setting: --trusted-host"]),
        ("RUN pip install --trusted-host localhost x", []),
        ("ENV ACCESS_TOKEN_EXPIRE_MINUTES=30 PASSWORD_MIN_LENGTH=12", []),
        ("ENV TOKEN_URL=https://host/token SECRETS_DIR=/run/secrets SECRET_NAME=ktrdr-db", []),
        ("ENV TOKEN_URL=https://me:hunter2@host/token", ["credential: https://…"]),
        ("ENV TOKEN_NAMED=hunter2", ["secret: TOKEN_NAMED"]),
        ("RUN TOKEN=$(cat /run/secrets/tok) make", []),
        ('RUN TOKEN="$TOK" make', []),
        ("ENV PASSWORD=$2b$12$hunter2", ["secret: PASSWORD"]),
        ('RUN curl -H "Authorization: Bearer $(cat /run/secrets/tok)" host', []),
        ('RUN curl -u "$NAME:$WORD" host && curl -u me:$WORD host', []),
        ("RUN tool --token $TOK", []),
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
        ("ENV DB_PW=hunter2", ["secret: DB_PW"]),
        ("ENV DSN=Server=db;Uid=me;Pwd=hunter2;", ["secret: Pwd"]),
        ("ENV DSN=Pwd=hunter2;Server=db", ["secret: Pwd"]),
        ("ENV X=AccountName=x;AccountKey=hunter2==;EndpointSuffix=y", ["secret: AccountKey"]),
        ("ENV BASIC_AUTH=me:hunter2", ["secret: BASIC_AUTH"]),
        ("ENV NPM_AUTH=bWU6aHVudGVyMg==", ["secret: NPM_AUTH"]),
        ("RSYNC_PROXY=hunter2:1", ["proxy: RSYNC_PROXY"]),
        ("ENV DB_PWX=north", []),
        ("RUN cd /srv; PWD=/srv make", []),
        ("ENV ENABLE_BASIC_AUTH=true", []),
        ("ENV API_AUTH=oauth2", []),
        ("ENV KAFKA_AUTH=SCRAM-SHA-256", []),
        ("ENV API_AUTH=http://auth:8080", []),
        ("ENV API_AUTH=/etc/auth/directory1", []),
        ("RUN curl -H 'X-Api-Key: ${KEY}' -H \"JOB-TOKEN: $TOKEN\" host", []),
        ("ENV BANNER=hvs.hunter", []),
    ],
)
def test_a_disclosure_is_told_by_kind_and_name(text: str, told: list[str]) -> None:
    assert disclosures(text) == told


# Each with what it is told as; `hunter2` is what must be hidden.
COMMANDS = [
    ("curl -H 'PRIVATE-TOKEN: hunter2' host", "secret: PRIVATE-TOKEN"),
    ('curl -H "JOB-TOKEN:hunter2" host', "secret: JOB-TOKEN"),
    ("gpg --passphrase hunter2 -d x", "secret: --passphrase"),
    ('["gpg", "--passphrase", "hunter2"]', "secret: --passphrase"),
    ("openssl rsa -passin pass:hunter2 -in k", "secret: openssl pass:"),
    ('openssl rsa -passout "pass:hunter2" -in k', "secret: openssl pass:"),
    ("openssl enc -pass pass:hunter2", "secret: openssl pass:"),
    ("echo 'root:hunter2' | chpasswd", "secret: chpasswd"),
    ('printf "root:x\\nme:hunter2\\n" | sudo /usr/sbin/chpasswd', "secret: chpasswd"),
    ("chpasswd <<<'root:hunter2'", "secret: chpasswd <<<"),
    ("aws configure set aws_secret_access_key hunter2", "secret: aws configure"),
    ("aws configure set profile.x.aws_session_token hunter2", "secret: aws configure"),
    ("twine upload -u me -p hunter2 dist/*", "secret: twine -p"),
    ("redis-cli -a 'not hunter2' ping", "secret: redis-cli -a"),
    ("htpasswd -bc /f me hunter2", "secret: htpasswd -b"),
    ("htpasswd -bc /f me hunter2 # buildkit", "secret: htpasswd -b"),
    ("vault login hunter2 # buildkit", "secret: vault login"),
    ("htpasswd -b -c /f me 'not hunter2' && true", "secret: htpasswd -b"),
    ("ldapsearch -D cn=me -w hunter2", "secret: ldap -w"),
    ("vault login hunter2", "secret: vault login"),
    ("vault login -no-print hunter2 >/dev/null", "secret: vault login"),
    ("kubectl create secret generic x --from-literal=a=hunter2", "secret: --from-literal"),
    ("kubectl create secret generic x --from-literal 'a=hunter2'", "secret: --from-literal"),
    ("zip -P hunter2 x.zip f", "secret: zip -P"),
    ("smbclient -U me%hunter2 //h/s", "secret: smbclient -U"),
    ("wget 'https://host/x?sv=2&sig=hunter2%3D'", "secret: sig="),
    ("wget https://host/x?X-Amz-Signature=hunter2", "secret: sig="),
    ("pip install --index-url https://hunter2/simple x", "host's setting: --index-url"),
    ("pip3 install --extra-index-url=https://hunter2/simple x", "host's setting: --index-url"),
    ("pip -q install -i https://hunter2/simple x", "host's setting: --index-url"),
    ("pip install -f https://hunter2/wheels x", "host's setting: --index-url"),
    ("pip config set global.index-url https://hunter2/simple", "host's setting: --index-url"),
    ("uv sync --default-index 'https://hunter2/simple'", "host's setting: --index-url"),
    ("pip install --index-url https://download.pytorch.org.hunter2/simple", "host's setting: --index-url"),
    ("pip install --proxy http://hunter2:1 x", "proxy: --proxy"),
    ("curl --proxy=hunter2:3128 host", "proxy: --proxy"),
    ("curl -sSx hunter2:3128 host", "proxy: curl -x"),
    ("curl -x 'http://hunter2' host", "proxy: curl -x"),
    ("git config --global http.proxy http://hunter2:1", "proxy: config"),
    ("git -c http.https://host.proxy=hunter2:3128 clone x", "proxy: config"),
    ("npm config set https-proxy http://hunter2:1", "proxy: config"),
    ("apt-get -o Acquire::http::Proxy=http://hunter2:1 update", "proxy: Acquire"),
    ("""echo 'Acquire::https::host::proxy "http://hunter2:1";' >x""", "proxy: Acquire"),
    ("""echo "Acquire::http::Proxy \\"http://hunter2:1\\";" >x""", "proxy: Acquire"),
]


@pytest.mark.parametrize(("command", "told"), COMMANDS)
def test_what_a_command_is_given_is_told_hidden_and_told_again(command: str, told: str) -> None:
    line = f"RUN {command}"
    hidden = masked("", line)
    assert disclosures(line) == disclosures(hidden) == [told]
    assert "hunter2" not in hidden


@pytest.mark.parametrize(
    "command",
    [
        "gpg --batch --passphrase '' --quick-gen-key me",
        "gpg --passphrase-file /x --passphrase-fd 0",
        'gpg --passphrase "$WORD" x',
        "openssl req -passin pass:$WORD -passout file:/x",
        'echo "root:$WORD" | chpasswd',
        "echo a:b | sort",
        "aws configure set region hunter",
        "twine upload dist/*",
        "redis-cli -h host ping",
        'htpasswd -b /f me "$WORD"',
        "htpasswd -c /f me",
        "ldapsearch -W -D cn=me",
        "vault login -method=aws",
        "vault login first",
        'vault login "$WORD1"',
        'kubectl create secret generic x --from-literal=a="$WORD"',
        "zip -r x.zip f && mkdir -p /x",
        "smbclient -N //h/s",
        "wget 'https://host/x?sign=1234&sig=$WORD'",
        "pip install --index-url https://download.pytorch.org/whl/cpu torch",
        "pip install -i https://download.pytorch.org/whl x",
        "pip install --index-url https://download.pytorch.org",
        "pip install --find-links /wheels -f ./wheels --index-url https://$HOST/simple x",
        "serve --proxy http://localhost:8000 --proxy 127.0.0.1:80 --proxy http://[::1]:80",
        "./configure --with-http_proxy_module",
        "curl --max-time 5 -o x host:443/x",
        "curl -x $PROXY host",
        "curl host | tar -x --of-host:1",
        "git config --global --unset http.proxy && make host:1",
        "apt-get -o Acquire::http::Proxy=DIRECT -o Acquire::http::Pipeline-Depth=0 update",
    ],
)
def test_a_command_that_is_given_no_secret_is_written_as_it_is(command: str) -> None:
    assert disclosures(f"RUN {command}") == []
    assert masked("", f"RUN {command}") == f"RUN {command}"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("DSN", "Server=db;Pwd=hunter2", f"Server=db;Pwd={HIDDEN}"),
        ("DSN", "Pwd=hunter2;Server=db", f"Pwd={HIDDEN}"),
        ("deploy.api-key", "not hunter2", HIDDEN),
        ("NOTE", "TOKEN=hunter2 make", f"TOKEN={HIDDEN} make"),
        ("", "=x", "=x"),
    ],
)
def test_a_secret_within_a_value_is_hidden_where_it_is_and_still_told(name: str, value: str, shown: str) -> None:
    assert masked(name, value) == shown
    assert disclosures(f"{name}={shown}") == disclosures(f"{name}={value}")


# Put together here, so that no scanner for secrets takes this file for one that holds a token.
@pytest.mark.parametrize(
    ("mark", "rest"),
    [("SG.", "hunter2" * 3 + "." + "hunter2" * 6), ("eyJ", "hunter2" * 2 + ".eyJ" + "hunter2" + "." + "hunter2" * 3),
     ("hooks.slack.com/services/", "T00000000/B00000000/" + "hunter2" * 4)],
)  # fmt: skip
def test_a_token_of_several_parts_is_hidden_as_a_whole(mark: str, rest: str) -> None:
    assert masked("", f"ENV BANNER={mark}{rest} x") == f"ENV BANNER={mark}{HIDDEN} x"
    assert disclosures(f"ENV BANNER={mark}{rest}") == disclosures(f"ENV BANNER={mark}{HIDDEN}") == [f"token: {mark}…"]


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


@pytest.mark.parametrize(("letters", "told"), [(200, ["secret: netrc"]), (201, [])])
def test_between_a_command_and_its_secret_it_is_looked_so_far(letters: int, told: list[str]) -> None:
    assert disclosures(f"echo machine {'h' * letters} login me password hunter2") == told
