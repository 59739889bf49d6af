"""A linter, which the session `lint` runs: reports commit subjects that are too long or not imperative."""

import subprocess
import sys
from pathlib import Path

from tests.support.checkout import ROOT

SINCE = "5df399785ef14e5e427634faf48d50cbdfb3204c"  # the last one whose subject may have any form
LONGEST = 72
# A verb's ending tells its form, but for these
ENDINGS = {"ed": "past tense", "ing": "a gerund", "s": "third person"}
IMPERATIVES = {
    *("bed", "embed", "exceed", "feed", "need", "proceed", "seed", "shed", "speed", "succeed", "wed", "weed"),
    *("bring", "cling", "fling", "ping", "ring", "spring", "string", "swing", "wring"),
    *("alias", "bias", "canvas", "focus"),
}
IRREGULAR = {"built", "chose", "did", "gave", "kept", "left", "made", "took", "was", "were", "wrote"}


def faults(subject: str) -> list[str]:
    """Return what is wrong with a subject, as far as a rule can tell."""
    first, *_ = subject.split() or [""]
    verb = first.lower()
    found = []
    if len(subject) > LONGEST:
        found.append(f"{len(subject)} characters, at most {LONGEST}")
    if not first[:1].isupper():
        found.append("the first word has no capital")
    if subject.endswith("."):
        found.append("ends with a full stop")
    if verb in IRREGULAR:
        found.append(f"{first} is past tense, not imperative")
    elif verb not in IMPERATIVES and not verb.endswith("ss"):
        found += [f"{first} is {form}, not imperative" for ending, form in ENDINGS.items() if verb.endswith(ending)]
    return found


def git(directory: Path, *words: str) -> str | None:
    """Return what git prints; None where there is no git, or where it refuses."""
    try:
        done = subprocess.run(["git", *words], cwd=directory, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def check(directory: Path, since: str) -> int:
    """Print every faulty subject; returns 1 where there is one."""
    if git(directory, "cat-file", "-e", f"{since}^{{commit}}") is None:
        print(f"commit subjects: not checked, since this history does not hold {since[:7]}")
        return 0
    listed = git(directory, "log", "--no-merges", "--format=%h %s", f"{since}..HEAD") or ""
    wrong = 0
    for line in listed.splitlines():
        commit, _, subject = line.partition(" ")
        for fault in faults(subject):
            print(f"{commit} {subject!r}: {fault}")
            wrong = 1
    print(f"commit subjects: {len(listed.splitlines())} since {since[:7]}{', some faulty' if wrong else ''}")
    return wrong


if __name__ == "__main__":
    sys.exit(check(ROOT, SINCE))
