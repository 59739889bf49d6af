"""The image sets what the contract does not say: variables, commands, ports, signals, labels, HEALTHCHECK's times."""

import json

from tests.broken_images.fault import ADDRESS, API, Fault, as_root, file

SERVE = [
    "uvicorn", "ktrdr.api.main:app", "--host", "0.0.0.0", "--port", "8000",  # noqa: S104 - a server's
    "--http", "ktrdr.api.connections:Connection", "--timeout-graceful-shutdown", "5",
]  # fmt: skip
ASK = ["python", "-m", "ktrdr.healthcheck", f"{ADDRESS}:8000{API}/health"]
LIBZ = "/usr/lib/x86_64-linux-gnu/libz.so.1"
CPU, GPU = "worker-cpu", "worker-gpu"


def variable(name: str, value: str, what: str = "", role: str = "backend") -> Fault:
    """Return the fault of a variable with a value that the contract does not have."""
    lines, says = f"ENV {name}={json.dumps(value)}", (f"ENV {name}={value}",)
    return Fault(what or f"{name} is set", lines, "configuration", role=role, base=role, says=says)


def command(what: str, *words: str, says: str, role: str = "backend", before: str = "") -> Fault:
    """Return the fault of another command than the contract's."""
    lines = f"{before}CMD {json.dumps(words)}"
    return Fault(what, lines, "configuration", role=role, base=role, says=("CMD [", says))


def in_shell(what: str, script: str, role: str = "backend") -> Fault:
    """Return the fault of a shell that stands between the engine and the server."""
    return command(what, "sh", "-c", script, says=json.dumps(script), role=role)


def setting(what: str, lines: str, *says: str, role: str = "backend") -> Fault:
    """Return the fault of any other setting."""
    return Fault(what, lines, "configuration", role=role, base=role, says=says)


def checked(what: str, option: str, number: str, says: str) -> Fault:
    """Return the fault of a HEALTHCHECK that asks as the contract says, but for one of its times."""
    options = {"interval": "10s", "timeout": "5s", "start-period": "30s", option: number}
    written = " ".join(f"--{name}={value}" for name, value in options.items())
    lines = f"HEALTHCHECK {written} CMD {json.dumps(ASK)}"
    return Fault(what, lines, "configuration", says=(f"HEALTHCHECK --{option}={says} is outside of",))


VARIABLES = (
    variable("NEVER_HEARD_OF", "1", "a variable that nobody has heard of is set"),
    variable("SSLKEYLOGFILE", "/data/tls-keys.log"),
    variable("SSLKEYLOGFILE", "/nowhere/keys", "the keys of TLS connections go where nothing can be written"),
    variable("CURL_CA_BUNDLE", "", "certificates are not checked, by an empty variable"),
    variable("GIT_SSL_NO_VERIFY", "1"),
    Fault("SSL_CERT_FILE is set", "ENV SSL_CERT_FILE=/opt/corp/ca.pem", "configuration", hides="/opt/corp",
          says=("ENV SSL_CERT_FILE=", "certificates are checked otherwise")),
    variable("WEB_CONCURRENCY", "4"),
    variable("UVICORN_WORKERS", "4"),
    variable("UVICORN_LIMIT_MAX_REQUESTS", "1000"),
    variable("UVICORN_LOG_LEVEL", "critical"),
    variable("UVICORN_FORWARDED_ALLOW_IPS", "*"),
    variable("UVICORN_APP_DIR", "/opt/extra", "another application is served than the one examined, by a variable"),
    variable("FORWARDED_ALLOW_IPS", "*"),
    variable("PYTHONIOENCODING", "ascii"),
    variable("PYTHONIOENCODING", "ascii", "a worker cannot print the letters of other languages", CPU),
    variable("PYTHONUTF8", "0"),
    variable("LANG", "POSIX", "the base's language is replaced"),
    variable("PYTHONUNBUFFERED", "", "logs are held back, and lost at a crash"),
    variable("TZ", "America/New_York"),
    variable("MALLOC_ARENA_MAX", "1"),
    variable("OMP_NUM_THREADS", "400", role=CPU),
    variable("KTRDR_DATA_DIR", "/tmp/data", "data are kept where no volume is"),
    variable("KTRDR_DATA_DIR", "/dev/shm/data", "data are kept in memory"),
    variable("KTRDR_DATABASE_URL", "sqlite:////tmp/ktrdr.db"),
    variable("KTRDR_ALLOWED_HOSTS", "staging.example"),
    variable("KTRDR_API_URL", "http://staging.example:8000", role=CPU),
    variable("KTRDR_WORKER_TYPE", "backtest", role=CPU),
    variable("KTRDR_WORKER_ID", "worker-1", role=CPU),
    variable("KTRDR_WORKER_PUBLIC_BASE_URL", "http://127.0.0.1:5003", role=CPU),
    variable("LD_PRELOAD", LIBZ),
    variable("LD_LIBRARY_PATH", "/opt/lib"),
    variable("PYTHONPATH", "/opt/extra"),
    variable("PYTHONSTARTUP", "/opt/start.py"),
    variable("PYTHONPYCACHEPREFIX", "/opt/bytecode"),
    variable("PYTHONWARNINGS", "ignore::torch.Warning"),
    variable("PYTHONOPTIMIZE", "1"),
    variable("OPENSSL_CONF", "/opt/openssl.cnf"),
    variable("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1"),
    variable("OMP_TOOL_LIBRARIES", "/opt/tool.so"),
    variable("CUDA_INJECTION64_PATH", "/opt/inject.so"),
    variable("CUDA_VISIBLE_DEVICES", "-1", "the GPU image hides every GPU", GPU),
    variable("CUDA_VISIBLE_DEVICES", "-1,0", "the GPU image names no device first, which hides those after it", GPU),
    variable("NVIDIA_DRIVER_CAPABILITIES", "utility", "the GPU image asks for a driver that cannot compute", GPU),
    Fault("a variable that nobody has heard of holds a secret", "ENV MINE_TOKEN=hunter2-correct-horse",
          "configuration", says=("ENV MINE_TOKEN=",), hides="hunter2-correct-horse"),
)  # fmt: skip

COMMANDS = (
    command("the server reloads in production", *SERVE, "--reload", says="--reload"),
    command("the server has four processes", *SERVE, "--workers", "4", says='"--workers", "4"'),
    command("the server believes whatever says it is a proxy", *SERVE, "--proxy-headers", "--forwarded-allow-ips", "*",
            says="--forwarded-allow-ips"),
    command("the server ends after a thousand requests", *SERVE, "--limit-max-requests", "1000",
            says="--limit-max-requests"),
    command("the server refuses the third client", *SERVE, "--limit-concurrency", "2", says="--limit-concurrency"),
    command("the server says nothing", *SERVE, "--log-level", "critical", "--no-access-log", says="--no-access-log"),
    command("the server ends after an hour", "timeout", "3600", *SERVE, says='"timeout", "3600"'),
    command("the server gives way to every other process", "nice", "-n", "19", *SERVE, says='"nice"'),
    command("the server ignores what the engine says when a terminal goes", "nohup", *SERVE, says='"nohup"'),
    in_shell("the server's log goes into the volume", f"exec {' '.join(SERVE)} >>/data/server.log 2>&1"),
    in_shell("the server's log goes nowhere", f"exec {' '.join(SERVE)} >/dev/null 2>&1"),
    in_shell("a shell hears the engine's signal, and the server does not", f"{' '.join(SERVE)}; echo ended"),
    in_shell("the server is started again and again", f"while true; do {' '.join(SERVE)}; sleep 1; done"),
    in_shell("the server starts again until it ends well", f"until {' '.join(SERVE)}; do sleep 1; done"),
    in_shell("what the server writes is everybody's to change", f"umask 0; exec {' '.join(SERVE)}"),
    in_shell("a worker may open few files", "ulimit -n 64; exec python -m ktrdr.worker", CPU),
    in_shell("a worker may have no core file, and no long file", "ulimit -f 1; exec python -m ktrdr.worker", CPU),
    command("a worker is of one type, whatever the deployment says", "env", "KTRDR_WORKER_TYPE=backtest", "python",
            "-m", "ktrdr.worker", says="KTRDR_WORKER_TYPE=backtest", role=CPU),
    command("the development server does not reload", *SERVE, says="--reload", role="dev"),
    command("the command loads a library before the server", "env", f"LD_PRELOAD={LIBZ}", *SERVE, says="LD_PRELOAD"),
    setting("the command loads a library before the server, in a shell",
            f"CMD LD_PRELOAD={LIBZ} exec {' '.join(SERVE)}", "LD_PRELOAD"),
    command("the command's Python reads other bytecode", "python", "-OO", "-X", "pycache_prefix=/opt/bytecode", "-m",
            *SERVE, says="pycache_prefix=/opt/bytecode"),
    command("the command looks for the application elsewhere", "uvicorn", "--app-dir", "/opt/extra", *SERVE[1:],
            says="--app-dir"),
    command("the command's shell reads start-up files, which put a library before the program", "bash", "-lc",
            f"exec /opt/venv/bin/{' '.join(SERVE)}", says='"bash", "-lc"',
            before=file("/etc/profile.d/first.sh", f"export LD_PRELOAD={LIBZ}")),
    setting("an entry point stands before every command", 'ENTRYPOINT ["/usr/bin/env"]', 'ENTRYPOINT ["/usr/bin/env"]'),
    setting("an entry point that the contract does not name reaps processes",
            as_root("cp /usr/bin/env /usr/bin/tini") + 'ENTRYPOINT ["/usr/bin/tini"]', "ENTRYPOINT", "/usr/bin/tini"),
)  # fmt: skip

SETTINGS = (
    setting("a port is exposed that nobody listens at", "EXPOSE 5003", "EXPOSE 5003/tcp"),
    setting("a port is exposed of another protocol", "EXPOSE 8000/udp", "EXPOSE 8000/udp"),
    setting("a worker exposes a debugger's port", "EXPOSE 5678", "EXPOSE 5678/tcp", role=CPU),
    setting("the engine asks the server to stop in a way that it does not hear", "STOPSIGNAL SIGUSR1",
            "STOPSIGNAL SIGUSR1"),
    setting("the engine kills the server at once", "STOPSIGNAL SIGKILL", "STOPSIGNAL SIGKILL"),
    setting("the engine asks a worker to read its settings again, where it should stop it", "STOPSIGNAL SIGHUP",
            "STOPSIGNAL SIGHUP", role=CPU),
    setting("the labels are another role's", "LABEL ktrdr.role=worker-cpu", "LABEL ktrdr.role=worker-cpu, not backend"),
    setting("the title is another image's", "LABEL org.opencontainers.image.title=ktrdr-worker-cpu",
            "LABEL org.opencontainers.image.title=ktrdr-worker-cpu, not ktrdr-backend"),
    setting("the revision is not the one that was built", f"LABEL org.opencontainers.image.revision={'0' * 40}",
            f"LABEL org.opencontainers.image.revision={'0' * 40}, not"),
    setting("a label says something of its own", "LABEL maintainer=nobody", "LABEL maintainer=nobody"),
    setting("a person is named in a way of former times", "MAINTAINER nobody@build.example",
            "MAINTAINER nobody@build.example is neither the contract's nor the base's"),
    setting("whoever builds on the image becomes root", "ONBUILD USER 0:0", "ONBUILD USER 0:0"),
    setting("whoever builds on the image copies a checkout", "ONBUILD COPY . /srv", "ONBUILD COPY . /srv"),
    setting("whoever builds on the image runs a script", "ONBUILD RUN sh /srv/setup.sh",
            "ONBUILD RUN sh /srv/setup.sh"),
    setting("commands in words have another shell", 'SHELL ["/bin/bash", "-c"]', 'SHELL ["/bin/bash", "-c"]'),
    setting("commands in words have a login shell", 'SHELL ["/bin/bash", "-lc"]', 'SHELL ["/bin/bash", "-lc"]'),
    setting("processes start in the root directory", "WORKDIR /", "WORKDIR /, not /home/ktrdr"),
    setting("processes start beside the programs", "WORKDIR /opt/venv", "WORKDIR /opt/venv, not /home/ktrdr"),
    setting("the user has another number", "USER 10002:10002", "USER 10002:10002, not 10001:10001"),
    setting("the user is without a group", "USER 10001", "USER 10001, not 10001:10001"),
    setting("where processes start is a volume", "VOLUME /home/ktrdr", "VOLUME /home/ktrdr"),
    setting("the environment is a volume", "VOLUME /opt/venv /etc", "VOLUME /etc", "VOLUME /opt/venv"),
    setting("each container has a volume of its own for the data", "VOLUME /data", "VOLUME /data"),
)  # fmt: skip

HEALTHCHECKS = (
    checked("HEALTHCHECK asks every second, for ever", "interval", "1s", "1"),
    checked("HEALTHCHECK asks every ten minutes", "interval", "10m", "600"),
    checked("HEALTHCHECK gives a Python less time than it takes to start", "timeout", "300ms", "0.3"),
    checked("HEALTHCHECK waits a minute for an answer", "timeout", "1m", "60"),
    checked("HEALTHCHECK gives a server no time to start", "start-period", "1ms", "0.001"),
    checked("HEALTHCHECK gives a server an hour to start", "start-period", "1h", "3600"),
    checked("HEALTHCHECK takes one failure for the end", "retries", "1", "1"),
    checked("HEALTHCHECK takes a hundred failures for health", "retries", "100", "100"),
    checked("HEALTHCHECK asks ten times a second during the start", "start-interval", "100ms", "0.1"),
    setting("HEALTHCHECK's Python runs without assertions",
            f'HEALTHCHECK --interval=10s CMD {json.dumps(["python", "-O", *ASK[1:]])}', '"-O"'),
    setting("HEALTHCHECK sets where modules are searched",
            f"HEALTHCHECK --interval=10s CMD PYTHONPATH=/opt/extra {' '.join(ASK)}", "PYTHONPATH=/opt/extra"),
    setting("HEALTHCHECK loads PyTorch each time",
            'HEALTHCHECK --interval=10s CMD ["python", "-c", "import torch; from ktrdr import healthcheck"]',
            "HEALTHCHECK [", "import torch", role=CPU),
)  # fmt: skip

FAULTS = (*VARIABLES, *COMMANDS, *SETTINGS, *HEALTHCHECKS)
