"""Images that a check of the contract's own finds wrong, one of each form and way, and good ones that it passes."""

from typing import Any

from deploy.own_checks import CommandCheck, FileCheck, OwnCheck, SettingCheck
from tests.broken_images.fault import Fault, allowing, as_root, good

ADDED = "added by an example"


def checked(name: str, lines: str, check: OwnCheck, *says: str, **more: Any) -> Fault:
    """Return an image that is wrong by a check of the contract's own alone."""
    return Fault(name, lines, check.check, says=says, contract={"checks": [check]}, **more)


def command(title: str, *words: str, **keys: Any) -> CommandCheck:
    return CommandCheck(name=title, command=list(words), **keys)


RUNS = command("the tools are there", "ktrdr", "--help", stdout=["usage: ktrdr"])
SAYS = command("it is the right Python", "python", "-V", stdout=[r"^Python 3\.11\."], stdout_not=["beta"])
QUIET = command("it warns of nothing", "python", "-c", "import ktrdr", stderr_not=["[Ww]arning"])
SET_UP = command("a note is kept", "cat", "/home/ktrdr/note", setup=[["touch", "/home/ktrdr/note"]])
NOTE = FileCheck(name="the note", file="/opt/note", kind="file", owner=0, group=0, mode="0644", contains=[ADDED])
NO_NOTE = FileCheck(name="no note", file="/opt/note", exists=False)
NO_TOKEN = FileCheck(name="no token in the note", file="/opt/note", contains_not=["token"])
NOTES = FileCheck(name="every package's licence", file="/opt/packages/*/LICENSE")
PORT = SettingCheck(name="no debugger's port", setting="ports", key="5678", present=False)
VARIABLE = SettingCheck(name="the data's place", setting="environment", key="KTRDR_DATA_DIR", value="/data")
LABEL = SettingCheck(name="a licence", setting="labels", key="org.opencontainers.image.licenses", matches="^MIT$")

COMMANDS = (
    checked("a program that a command of the contract needs is gone", as_root("rm /opt/venv/bin/ktrdr"), RUNS,
            "executable file not found"),
    checked("a program prints what no user expects", as_root("printf '#!/bin/sh\\necho hi\\n' >/opt/venv/bin/ktrdr"),
            RUNS, "stdout lacks `usage: ktrdr`"),
    checked("a program ends with a code of its own", as_root("printf '#!/bin/sh\\nexit 3\\n' >/opt/venv/bin/ktrdr"),
            RUNS, "it ended with 3"),
    checked("a program never ends", as_root("printf '#!/bin/sh\\nexec sleep 600\\n' >/opt/venv/bin/ktrdr"),
            RUNS.model_copy(update={"within": 2.0}), "it did not end within 2 s"),
    checked("a program prints what is excluded",
            as_root("printf '#!/bin/sh\\necho Python 3.11.0 beta\\n' >/usr/local/bin/p && chmod 755 /usr/local/bin/p"),
            SAYS.model_copy(update={"command": ["p", "-V"]}), "stdout has `beta`"),
    checked("a program warns where it should not",
            as_root("printf '#!/bin/sh\\necho Warning: old >&2\\n' >/usr/local/bin/p && chmod 755 /usr/local/bin/p"),
            QUIET.model_copy(update={"command": ["p"]}), "stderr has `[Ww]arning`"),
    checked("what a command is set up with cannot be made", as_root("chown 0:0 /home/ktrdr"), SET_UP,
            "a setup command failed: touch /home/ktrdr/note: it ended with 1"),
)  # fmt: skip
FILES = (
    checked("a file that has to be there is not", "", NOTE, "/opt/note: nothing is there"),
    checked("a file is another's", as_root(f"echo {ADDED} >/opt/note && chown 10001:10001 /opt/note"), NOTE,
            "its owner is 10001", "its group is 10001"),
    checked("a file may be written by everybody", as_root(f"echo {ADDED} >/opt/note && chmod 666 /opt/note"), NOTE,
            "its mode is 0666"),
    checked("a file is a link", as_root("ln -s /etc/passwd /opt/note"), NOTE, "its kind is link", "is not in it"),
    checked("a file says something else", as_root("echo other >/opt/note"), NOTE, f"`{ADDED}` is not in it"),
    checked("a file says what it should not", as_root("echo a token >/opt/note"), NO_TOKEN, "`token` is in it"),
    checked("a file that must not be there is", as_root("touch /opt/note"), NO_NOTE, "/opt/note: a file is there"),
    checked("one directory of many lacks its file",
            as_root("mkdir -p /opt/packages/a /opt/packages/b && touch /opt/packages/a/LICENSE"), NOTES,
            "/opt/packages/b/LICENSE: nothing is there"),
)  # fmt: skip
SETTINGS = (
    checked("a port is exposed that the contract's own check excludes", "EXPOSE 5678", PORT, "ports 5678 is there"),
    checked("a variable has another value than the contract's own check says", "ENV KTRDR_DATA_DIR=/srv", VARIABLE,
            "/srv"),
    checked("a label does not match the contract's own check", "LABEL org.opencontainers.image.licenses=GPL", LABEL,
            "GPL"),
)  # fmt: skip
FAULTS = (*COMMANDS, *FILES, *SETTINGS)
GOOD = tuple(
    good(f"a check of the contract's own holds: {check.name}", lines, check.check,
         contract={**allowing("/opt/note"), "checks": [check]} if lines else {"checks": [check]})
    for check, lines in (
        (RUNS, ""), (SAYS, ""), (QUIET, ""), (SET_UP, ""), (NOTE, as_root(f"echo {ADDED} >/opt/note")), (NO_NOTE, ""),
        (PORT, ""), (VARIABLE, ""), (LABEL, ""),
    )
)  # fmt: skip
