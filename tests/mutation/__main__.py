"""Puts small mistakes into judge and readers, one at a time; reports which of them no test notices."""

import argparse
import os
import sys
import tomllib
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.trial import survives

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
UNIT = "tests/unit"
RULINGS = (
    "subject", "configuration", "platform", "contents", "files", "python", "pytorch", "application", "server",
    "serving", "gpu",
)  # fmt: skip
JUDGED = [
    *(f"{UNIT}/verify/judge/test_rulings_{name}.py" for name in RULINGS),
    f"{UNIT}/verify/observe/test_disclosure.py",
    f"{UNIT}/verify/observe/test_disclosure_rules.py",
]
JUDGE = [*JUDGED, *(f"{UNIT}/verify/judge/test_{name}.py" for name in ("judge", "judge_spoilt", "checks"))]
CONTENTS = f"{UNIT}/verify/contents"
LAYERS = [
    *(f"{CONTENTS}/test_inventory{name}.py" for name in ("", "_altered")),
    f"{CONTENTS}/test_archive_damaged.py",
    *(f"{CONTENTS}/test_permissions{name}.py" for name in ("", "_readable", "_writable")),
]
SUMMARY, E2E = f"{UNIT}/verify/report/test_summary.py", f"{UNIT}/verify/e2e/test_in_the_summary.py"
CONTRACTS = [f"{UNIT}/deploy/test_contract{name}.py" for name in ("", "_mistakes", "_nonsense")]
REPORTS = f"{UNIT}/verify/observe/test_probe_reports.py"

# Module -> the tests that are for it, then those that it meets on the way; the second only where the first pass.
MODULES: dict[str, tuple[list[str], list[str]]] = {
    **{f"verify/judge/rulings/{name}.py": ([f"{UNIT}/verify/judge/test_rulings_{name}.py"], JUDGE) for name in RULINGS},
    "verify/judge/rulings/growth.py": ([f"{UNIT}/verify/judge/test_difference.py"], JUDGE),
    "verify/judge/difference.py": ([f"{UNIT}/verify/judge/test_difference.py"], JUDGE),
    "verify/judge/family.py": ([f"{UNIT}/verify/judge/test_family.py"], [SUMMARY]),
    **{f"verify/judge/{name}.py": ([E2E], [SUMMARY]) for name in ("reading", "end_to_end")},
    "verify/observe/disclosure.py": (
        [f"{UNIT}/verify/observe/test_disclosure{name}.py" for name in ("", "_rules")],
        JUDGE,
    ),
    "verify/judge/judge.py": (JUDGE, []),
    "verify/judge/ownership.py": ([f"{UNIT}/verify/judge/test_rulings_files.py"], JUDGE),
    "verify/contents/owners.py": ([f"{CONTENTS}/test_owners.py", f"{CONTENTS}/test_dpkg.py"], LAYERS),
    "verify/judge/case.py": (JUDGE, [REPORTS]),
    "verify/judge/verdict.py": (
        [f"{UNIT}/verify/judge/test_judge.py", SUMMARY],
        JUDGE,
    ),
    "verify/observe/probe_reports.py": ([REPORTS], JUDGE),
    "verify/observe/requests.py": (
        [f"{UNIT}/verify/observe/test_{name}.py" for name in ("requests", "observer", "read_document")],
        [REPORTS, f"{UNIT}/verify/probes/test_watch.py"],
    ),
    "verify/observe/model.py": ([REPORTS], JUDGE),
    "verify/observe/settings.py": ([f"{UNIT}/verify/judge/test_rulings_configuration.py"], JUDGE),
    "deploy/configuration.py": ([f"{UNIT}/deploy/test_configuration.py"], CONTRACTS),
    "deploy/contract.py": (CONTRACTS, []),
    "deploy/contract_file.py": (CONTRACTS, []),
    "deploy/forms.py": (CONTRACTS, []),
    "deploy/serving.py": (CONTRACTS, []),
    **{
        f"deploy/{name}.py": ([f"{UNIT}/deploy/test_{name}.py"], [])
        for name in (
            "application",
            "allowed_files",
            "artifacts",
            "uv_lock",
            "left_out",
            "build_inputs",
            "build_record",
            "image_config",
        )
    },
    "verify/contents/files.py": ([f"{CONTENTS}/test_files.py", *LAYERS], []),
    **{
        f"verify/contents/{name}.py": (LAYERS, [f"{CONTENTS}/test_files.py", f"{CONTENTS}/test_nested_archives.py"])
        for name in ("archive", "filesystem", "hooks", "programs", "unwanted")
    },
    **{
        f"verify/contents/{name}.py": (
            [f"{CONTENTS}/test_{tests}.py" for tests in ("in_place", "members", "ways")],
            LAYERS,
        )
        for name in ("in_place", "members", "ways")
    },
    **{f"verify/contents/{name}.py": (LAYERS, JUDGE) for name in ("model", "raw_layer")},
    "verify/contents/inventory.py": (LAYERS, [f"{CONTENTS}/test_distributions_whole.py"]),
    "verify/contents/distributions.py": (
        [f"{CONTENTS}/test_distributions.py", f"{CONTENTS}/test_distributions_whole.py"],
        LAYERS,
    ),
    **{
        f"verify/contents/{name}.py": ([f"{CONTENTS}/test_{name}.py"], [])
        for name in (
            "bolt",
            "cache",
            "snapshots",
            "dpkg",
            "accounts",
            "nested_archives",
            "broken",
            "bytecode",
            "loader_cache",
        )
    },
    **{f"verify/contents/{name}.py": ([f"{CONTENTS}/test_spoilt.py"], []) for name in ("spoilt", "time_zone")},
    "verify/contents/permissions.py": (
        [f"{CONTENTS}/test_permissions{name}.py" for name in ("", "_writable", "_readable")],
        LAYERS,
    ),
    "verify/contents/elf.py": (
        [f"{CONTENTS}/test_{name}.py" for name in ("elf", "elf_layout", "broken")],
        [f"{CONTENTS}/test_files.py"],
    ),
    "verify/contents/secrets.py": (
        [f"{CONTENTS}/test_secrets.py", f"{CONTENTS}/test_der.py"],
        [f"{CONTENTS}/test_files.py"],
    ),
}


def test(mutant: Mutant) -> bool:
    """Whether a mutant survives the tests of its module."""
    os.chdir(ROOT)
    near, far = MODULES[mutant.module]
    return survives(mutant, str(ROOT), near) and (not far or survives(mutant, str(ROOT), far))


def unchanged(module: str) -> Mutant:
    """Return a module as it is, which its tests have to pass before the death of a mutant means anything."""
    return Mutant(module, "the module", "none", 0, "", "", (ROOT / module).read_text(encoding="utf-8"))


def listed() -> dict[tuple[str, str, str, str], str]:
    """Return the mutants that change nothing that can be seen, each with the reason."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    return {
        (one["module"], one["definition"], one["before"], after): one["reason"]
        for one in entries
        for after in one["after"]
    }


def report(
    module: str, tried: Iterable[tuple[Mutant, bool]], known: set[tuple[str, str, str, str]]
) -> tuple[int, int, int]:
    """Print a module's score and its unexplained survivors; returns how many were tried, survived, are unexplained."""
    every = list(tried)
    survivors = [mutant for mutant, survived in every if survived]
    unexplained = [mutant for mutant in survivors if mutant.key not in known]
    killed = len(every) - len(survivors)
    explained = len(survivors) - len(unexplained)
    print(
        f"{module:<32} {len(every):5} mutants {killed:5} killed {explained:4} equivalent {len(unexplained):4} survived",
        flush=True,
    )
    for mutant in unexplained:
        print(f"  {mutant}".replace("\n", "\n  "), flush=True)
    return len(every), len(survivors), len(unexplained)


def main() -> int:
    """Try every mutant of the modules that are named, all of them where none is; 0 when no survivor is unexplained."""
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="modules to try; all where none is named")
    parser.add_argument("--list", action="store_true", help="list the modules and end")
    arguments = parser.parse_args()
    if arguments.list:
        print(*MODULES, sep="\n")
        return 0
    modules = arguments.modules or list(MODULES)
    if unknown := [module for module in modules if module not in MODULES]:
        parser.error(f"no such module: {', '.join(unknown)}")
    known = listed()
    totals = [0, 0, 0]
    met: set[tuple[str, str, str, str]] = set()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        good = pool.map(test, map(unchanged, modules))
        if broken := [module for module, passed in zip(modules, good, strict=True) if not passed]:
            parser.error(f"without any mistake the tests fail, or take too long: {', '.join(broken)}")
        for module in modules:
            every = list(mutants(ROOT, module))
            outcomes = list(zip(every, pool.map(test, every), strict=True))
            met |= {mutant.key for mutant, survived in outcomes if survived}
            totals = [sum(pair) for pair in zip(totals, report(module, outcomes, set(known)), strict=True)]
    stale = [key for key in known if key[0] in modules and key not in met]
    for key in stale:
        print(f"listed as equivalent, but killed or gone: {' | '.join(key)}")
    tried, survived, unexplained = totals
    print(
        f"{tried} mutants, {tried - survived} killed, {survived - unexplained} equivalent, {unexplained} survived:",
        end=" ",
    )
    print(f"score {(tried - survived) / max(1, tried - survived + unexplained):.1%} of those that differ")
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    sys.exit(main())
