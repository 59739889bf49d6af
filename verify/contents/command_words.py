"""The words of an image's commands: what they set, how they run Python, which files they may name."""

import posixpath
import re
from collections.abc import Container, Iterable, Iterator
from itertools import takewhile

from deploy.image_config import ImageConfig

SHELL = ("/bin/sh", "-c")  # the default shell (Dockerfile reference, SHELL)
QUOTES = re.compile(r"[\"'\\]")
APART = re.compile(r"[\s;&|()<>`]+")  # where a shell's words end
WITHIN = re.compile(r"[=:,]")  # where a path may begin or end within a word
ASSIGNED = re.compile(r"(?:^-[a-zA-Z]{0,8}?S|(?<!\w))(\w+)\+?=")  # `env -S` takes them in the same word
PYTHON = re.compile(r"python[\d.]*")
SHELLS = {"sh", "ash", "dash", "bash", "rbash", "zsh", "ksh", "mksh"}
STARTED = re.compile(r"-[a-zA-Z]*[il][a-zA-Z]*|--(?:login|rcfile|init-file|interactive)(?:=.*)?")  # (bash(1))
# Python's options that change output and speed at most, or keep something out (its manual, "Command line")
HARMLESS, HARMLESS_X = "bBEIPRqsu", {"faulthandler", "no_debug_ranges", "utf8"}
# Words that look for programs or modules elsewhere than where processes start, or go around the loader
ELSEWHERE = re.compile(r"(?:cd|pushd|chdir|--chdir(?:=.*)?|--app-dir(?:=.*)?|(?:.*/)?ld(?:-[\w-]+)?\.so(?:\.\d+)?)")


def healthcheck_words(test: Iterable[str], shell: Iterable[str] = ()) -> list[str]:
    """Return the command of a HEALTHCHECK's ``Test``; nothing where there is none."""
    kind, *words = tuple(test) or ("NONE",)
    return {"CMD": words, "CMD-SHELL": [*(shell or SHELL), *words]}.get(kind, [])


def written(command: Iterable[str]) -> list[str]:
    """Return a command's words without quotes; a word that is a shell's whole command gives the words in it."""
    return [piece for word in command for piece in APART.split(QUOTES.sub("", word)) if piece]


def assigned(command: Iterable[str]) -> list[str]:
    """Return the variables that a command may set: the name in `NAME=VALUE`, wherever it is written."""
    return [name for word in written(command) for name in ASSIGNED.findall(word)]


def elsewhere(command: Iterable[str]) -> list[str]:
    """Return the words that make a command look for programs or modules in other places."""
    words = written(command)
    moved = ["env -C"] * ("env" in map(posixpath.basename, words) and any(word.startswith("-C") for word in words))
    return [word for word in words if ELSEWHERE.fullmatch(word)] + moved


def python_options(command: Iterable[str], pythons: Container[str] = ()) -> list[str]:
    """Return the options of Python that change its behaviour. ``pythons``: further names of the interpreter."""
    words = written(command)
    starts = (at for at, word in enumerate(words, 1) if PYTHON.fullmatch(posixpath.basename(word)) or word in pythons)
    return [option for at in starts for option in _options(iter(words[at:]))]


def _options(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        if not word.startswith("-") or word in ("-", "--"):
            return
        if word.startswith("--"):
            yield word
            next(words, None)  # each such option of Python takes a value, in a word of its own
            continue
        for at, letter in enumerate(word[1:], 2):
            if letter in "cm":
                return
            if letter in "WX":
                value = word[at:] or next(words, "")
                if letter == "W" or value.partition("=")[0] not in HARMLESS_X:
                    yield f"-{letter} {value}"
                break
            if letter not in HARMLESS:
                yield f"-{letter}"


def shell_options(command: Iterable[str]) -> list[str]:
    """Return the options by which a command's shells read start-up files, each with the shell: `bash -l`."""
    words, found = written(command), []
    for at, word in enumerate(words, 1):
        if posixpath.basename(word) in SHELLS:
            options = takewhile(lambda option: option.startswith(("-", "+")), words[at:])
            found += [f"{word} {option}" for option in options if STARTED.fullmatch(option)]
    return found


def names(config: ImageConfig) -> set[str]:
    """Return the texts in an image's commands that may name a file: words, and parts of `--option=PATH`."""
    healthcheck = healthcheck_words(config.healthcheck_test, config.shell)
    words = written([*config.entrypoint, *config.command, *healthcheck])
    return {part for word in words for part in (word, *WITHIN.split(word)) if part}
