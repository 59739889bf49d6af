"""The summary as JUnit XML: a test suite an image, one for all compared, one for all at work; a test case a check.

The format is the Ant task's, in the order and with the attributes that its usual schemas ask for: ``properties``, test
cases, ``system-out``, ``system-err``; times with three decimals. UNVERIFIED has no word of its own there: it is
``skipped`` (``error`` with the GPU contract, where it is one), its message begins with the word, and the suite's
property ``unverified`` names the checks.
"""

from datetime import datetime
from xml.etree import ElementTree as ET

from verify.judge.end_to_end import EndToEnd
from verify.judge.family import Family
from verify.judge.verdict import Finding
from verify.report.model import Part, Row, Summary
from verify.report.text import evidence_lines, plain, shorten

ELEMENTS = {"FAIL": "failure", "ERROR": "error", "SKIP": "skipped", "UNVERIFIED": "skipped"}
REPLACEMENT = "\ufffd"
NEVER = "1970-01-01T00:00:00"
MOST_LINES, MOST_CHARACTERS = 400, 20_000  # of one finding's evidence; an item of it takes a quarter
MOST_MESSAGE = 2_000


def junit(summary: Summary) -> str:
    """Return the whole document."""
    suites = [_suite(number, part) for number, part in enumerate(summary.parts)]
    root = ET.Element("testsuites")
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(number: int, row: Part) -> ET.Element:
    elements = [_element(row, finding) for finding in row.findings]
    suite = ET.Element(
        "testsuite",
        {
            "name": _xml(row.role),
            "package": "verify",
            "id": str(number),
            "timestamp": _timestamp(row.started),
            "hostname": "localhost",
            "tests": str(len(elements)),
            "failures": str(elements.count("failure")),
            "errors": str(elements.count("error")),
            "skipped": str(elements.count("skipped")),
            "time": f"{row.seconds:.3f}",
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(row).items():
        ET.SubElement(properties, "property", {"name": name, "value": _xml(value)})
    suite.extend(_case(row, finding) for finding in row.findings)
    ET.SubElement(suite, "system-out")
    ET.SubElement(suite, "system-err")
    return suite


def _properties(row: Part) -> dict[str, str]:
    if isinstance(row, EndToEnd):
        ran = {f"{role}.identity": used.identity for role, used in row.images.items()}
        return {"outcome": row.outcome, **ran, **{name: f"{seconds:.3f}" for name, seconds in row.figures.items()}}
    if isinstance(row, Family):
        return {"outcome": row.outcome}
    values = {
        "image": row.image,
        "outcome": row.outcome,
        "contract": "gpu" if row.gpu else "complete",
        "image_id": row.image_id,
        "identity": row.identity,
        "torch_version": row.figures.torch_version,
        "cuda_build": row.figures.cuda_build,
        "gpu_architectures": " ".join(row.figures.gpu_architectures or []) or None,
        "unpacked_bytes": row.figures.unpacked_bytes,
        "added_bytes": row.figures.added_bytes,
        "unverified": ", ".join(finding.check for finding in row.findings if finding.outcome == "UNVERIFIED") or None,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _element(row: Part, finding: Finding) -> str:
    if isinstance(row, Row) and row.gpu and finding.outcome == "UNVERIFIED":
        return "error"
    return ELEMENTS.get(finding.outcome, "")


def _case(row: Part, finding: Finding) -> ET.Element:
    # No check is timed on its own: the probes that several of them judge ran once (the suite's time has them).
    case = ET.Element("testcase", {"classname": _xml(row.role), "name": _xml(finding.check), "time": "0.000"})
    element = _element(row, finding)
    if element:
        message = f"expected {finding.expected}; found {finding.found}"
        message = {"SKIP": finding.found, "UNVERIFIED": f"UNVERIFIED: {message}"}.get(finding.outcome, message)
        kind = finding.category or finding.outcome
        attributes = {"message": shorten(_xml(message), MOST_MESSAGE), "type": kind}
        ET.SubElement(case, element, attributes).text = _details(finding)
    return case


def _details(finding: Finding) -> str:
    lines = [f"expected: {finding.expected}", f"found: {finding.found}"]
    lines += [f"category: {finding.category}"] if finding.category else []
    lines += [f"next: {finding.action}"] if finding.action else []
    lines += evidence_lines(finding.evidence, MOST_LINES // 4, MOST_LINES, MOST_CHARACTERS)
    return _xml("\n".join(lines))


def _timestamp(started: str) -> str:
    """Return a verdict's start as the schema wants it: no zone, no fraction."""
    try:
        return datetime.fromisoformat(started).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return NEVER


def _xml(text: str) -> str:
    return plain(text, REPLACEMENT)
