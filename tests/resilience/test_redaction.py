"""A build that fails with credentials all around it shows none of them: not printed, not in the log, in no artifact."""

import base64
from collections.abc import Iterator

from tests.resilience.site import TINY, Site, told

USER, PASSWORD, ENCODED = "ada", "s3nd/no@p1geons", "s3nd%2Fno%40p1geons"
INDEX_PASSWORD, TOKEN = "4nother-w0rd", "t0ken-of-the-index"
CONFIGURED = {
    "HTTP_PROXY": f"http://{USER}:{ENCODED}@proxy.invalid:3128",
    "https_proxy": f"http://{USER}:{ENCODED}@proxy.invalid:3128",
    "UV_INDEX": f"lovelace=https://{TOKEN}@packages.lovelace.invalid/simple",
    "UV_INDEX_LOVELACE_USERNAME": USER,
    "UV_INDEX_LOVELACE_PASSWORD": INDEX_PASSWORD,
}
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, ENCODED, INDEX_PASSWORD, TOKEN, BASIC, "proxy.invalid", "packages.lovelace.invalid")
# What a careless program prints: its environment, the secret that it was given, the header that it sent.
CARELESS = (
    "RUN --mount=type=secret,id=uv-settings env && cat /run/secrets/uv-settings"
    f" && echo Authorization: Basic {BASIC} && echo {PASSWORD} && sh -c 'exit 7'"
)


def texts(site: Site, printed: str) -> Iterator[tuple[str, str]]:
    """Give everything that a command wrote for people or for later stages."""
    yield "what was printed", printed
    for path in site.artifacts.root.rglob("*"):
        if path.is_file():
            yield path.name, path.read_text(encoding="utf-8", errors="replace")


def shown(site: Site, printed: str) -> set[tuple[str, str]]:
    return {(where, secret) for where, text in texts(site, printed) for secret in SECRETS if secret in text}


def test_a_step_that_prints_what_it_was_given_and_fails(site: Site) -> None:
    site.write(CARELESS)
    ended = site.build(env=CONFIGURED).end()
    told(ended, 1, "tiny: build failed", "exit code: 7", "•••")
    assert "HTTP_PROXY=" in site.log(TINY), "the step did not print its environment"
    assert "UV_INDEX_LOVELACE_PASSWORD=" in site.log(TINY), "the step did not print its secret"
    assert shown(site, ended.printed) == set()


def test_a_client_that_fails_on_its_own_command_line(site: Site) -> None:
    site.write("RUN true")
    broken = "from deploy.build import host_settings as host\nhost.PROXIES = (*host.PROXIES, 'A B=C')"
    environment = {**CONFIGURED, "KTRDR_CACHE_TO": "type=nonsense,dest=x"}
    ended = site.build(before=broken, env=environment).end()
    told(ended, 1, "tiny: build failed")
    assert shown(site, ended.printed) == set()


def test_an_engine_that_goes_under_a_build(site: Site) -> None:
    site.write("RUN true")
    ended = site.build(env={**CONFIGURED, "DOCKER_HOST": f"tcp://{USER}:{ENCODED}@127.0.0.1:9"}).end()
    told(ended, 3)
    assert shown(site, ended.printed) == set()
