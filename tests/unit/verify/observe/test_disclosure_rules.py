"""Every rule of the table finds its kind of secret and masks it: none is found only, and so printed."""

import pytest

from verify.contents.secrets import MARKS, PARTS
from verify.observe.disclosure import HIDDEN, MARKED, PARTED, RULES, Rule, disclosures, masked

TOKEN = "hunter2" * 3
# The rest of a token of several parts, by its mark
REST = {
    "eyJ": f"{TOKEN}.eyJ{TOKEN}.{TOKEN}",
    "SG.": f"{TOKEN}.{TOKEN}{TOKEN}",
    "hooks.slack.com/services/": f"T00000000/B00000000/{TOKEN}",
}
# Label of a rule -> lines, each of which one of the rules with that label matches
LINES = {
    "a private key": ["-----BEGIN " + "PRIVATE KEY-----\nhunter2\n-----END " + "PRIVATE KEY-----"],
    "secret: {}": [
        "ENV DB_PASSWORD=hunter2", 'LABEL x={"password": "hunter2"}', "RUN curl -H 'X-Api-Key: hunter2' host",
        "RUN echo 'password: hunter2' >x", "RUN tool --token hunter2",
    ],
    "proxy: {}": ["ENV HTTPS_PROXY=http://hunter2:1"],
    "host's setting: {}": ["ENV UV_INDEX=https://hunter2/simple"],
    "credential: curl -u": ["RUN curl -u me:hunter2 host"],
    "credential: {}…": ["RUN curl https://me:hunter2@host/x", "RUN pip install git+https://hunter2@host/x"],
    "secret: sshpass -p": ["RUN sshpass -p hunter2 ssh host"],
    "secret: login -p": ["RUN docker login -u me -p hunter2 host"],
    "secret: mysql -p": ["RUN mysql -u root -phunter2 db"],
    "secret: netrc": ["RUN echo 'machine host login me password hunter2' >.netrc"],
    "secret: twine -p": ["RUN twine upload -u me -p hunter2 dist/*"],
    "secret: redis-cli -a": ["RUN redis-cli -a hunter2 ping"],
    "secret: ldap -w": ["RUN ldapsearch -D cn=me -w hunter2"],
    "secret: zip -P": ["RUN zip -P hunter2 x.zip f"],
    "secret: smbclient -U": ["RUN smbclient -U me%hunter2 //h/s"],
    "secret: --passphrase": ["RUN gpg --passphrase hunter2 -d x"],
    "secret: openssl pass:": ["RUN openssl rsa -passin pass:hunter2 -in k"],
    "secret: chpasswd": ["RUN echo 'root:hunter2' | chpasswd"],
    "secret: chpasswd <<<": ["RUN chpasswd <<<'root:hunter2'"],
    "secret: aws configure": ["RUN aws configure set aws_secret_access_key hunter2"],
    "secret: htpasswd -b": ["RUN htpasswd -bc /f me hunter2"],
    "secret: vault login": ["RUN vault login hunter2"],
    "secret: --from-literal": ["RUN kubectl create secret generic x --from-literal=a=hunter2"],
    "secret: sig=": ["RUN wget 'https://host/x?sv=2&sig=hunter2%3D'"],
    "proxy: --proxy": ["RUN pip install --proxy http://hunter2:1 x"],
    "proxy: curl -x": ["RUN curl -x http://hunter2:1 host"],
    "proxy: config": ["RUN git config --global http.proxy http://hunter2:1"],
    "proxy: Acquire": ["RUN apt-get -o Acquire::http::Proxy=http://hunter2:1 update"],
    "host's setting: --index-url": ["RUN uv sync --index https://hunter2/simple"],
    "host's setting: --trusted-host": ["RUN pip install --trusted-host hunter2 x"],
}  # fmt: skip


def example(rule: Rule) -> str:
    """A line of the table that this rule matches."""
    if rule.pattern is MARKED:
        return f"ENV BANNER={next(iter(MARKS))}{TOKEN}"
    if rule.pattern in PARTED:
        mark = list(PARTS)[PARTED.index(rule.pattern)]
        return f"ENV BANNER={mark}{REST[mark]}"
    return next(line for line in LINES[rule.label] if rule.labels(line))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.label} {rule.pattern.pattern[:20]}")
def test_what_a_rule_finds_is_masked_and_then_still_found(rule: Rule) -> None:
    line = example(rule)
    (label,) = rule.labels(line)
    assert label in disclosures(line)
    hidden = masked("", line)
    assert "hunter2" not in hidden
    assert HIDDEN in hidden
    assert label in disclosures(hidden)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.variable], ids=lambda rule: rule.label)
def test_the_whole_value_of_a_variable_that_a_rule_names_is_masked(rule: Rule) -> None:
    name, _, value = example(rule).removeprefix("ENV ").partition("=")
    assert masked(name, value) == HIDDEN


def test_every_line_belongs_to_a_rule() -> None:
    assert {rule.label for rule in RULES if rule.pattern not in (MARKED, *PARTED)} == set(LINES)
