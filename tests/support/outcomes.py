"""Outcomes of a case's checks, by check and by probe."""

from tests.support.cases import Facts
from verify.judge.checks import CHECKS
from verify.judge.verdict import Outcome

# Checks that look at what a probe reported; the others look at layers, configuration or server.
BY_PROBE = {
    "commands": ["commands-run"],
    "environment": ["platform", "interpreter", "python-unaltered", "distributions-agree", "user"],
    "pytorch": [
        "cuda-libraries-agree",
        "torch",
        "torch-version",
        "torch-build",
        "torch-works",
        "cuda-runtime",
        "worker-types",
    ],
    "application": [name for name in CHECKS if name.startswith(("api-", "lazy-")) and name != "lazy-server"],
    "healthcheck": ["healthcheck-tells"],
}


def outcomes(facts: Facts) -> dict[str, Outcome]:
    return {name: finding.outcome for name, finding in facts.findings().items()}


def some(facts: Facts, names: list[str]) -> set[str]:
    """The outcomes of these checks, without those that do not apply to the role."""
    return {str(outcome) for name, outcome in outcomes(facts).items() if name in names} - {"SKIP"}
