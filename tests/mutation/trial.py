"""One mutant put to the tests, in a forked process: what takes long to import is there already, the project is not."""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

import docker  # noqa: F401  loaded here once, for all the processes that are forked
import hypothesis.extra
import hypothesis.strategies  # noqa: F401
import pydantic  # noqa: F401
import pytest
import requests  # noqa: F401
import rich.live  # noqa: F401

from tests.mutation.mutants import Mutant

# A mutant that never ends is found out by these; by its own time first, which does not depend on what else runs.
CPU_SECONDS, SECONDS = 120, 1800


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads the mutant in place of what the file holds."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, _fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Answers for the mutated module alone."""

    def __init__(self, name: str, path: str, source: str) -> None:
        self.name, self.loader = name, _Loader(name, path, source)

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.loader.path, loader=self.loader)


def survives(mutant: Mutant, root: str, tests: Sequence[str]) -> bool:
    """Whether all these tests pass with the mutant; one that does not end in time is killed, and so does not.

    Raises:
        RuntimeError: the tests themselves could not be run, which tells nothing of the mutant.

    """
    child = os.fork()
    if child == 0:
        os._exit(_test(mutant, root, tests))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"pytest ended with {code} for {' '.join(tests)}")
    return code == 0


def _test(mutant: Mutant, root: str, tests: Sequence[str]) -> int:
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    signal.alarm(SECONDS)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    name = mutant.module.removesuffix(".py").replace("/", ".")
    sys.meta_path.insert(0, _Finder(name, f"{root}/{mutant.module}", mutant.source))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # most of the time of a trial otherwise
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0"]
    return int(pytest.main([*options, *tests]))
