"""What a broken image takes away of the application, or changes in it, is in the checkout to begin with."""

import re

from tests.broken_images.catalogue import FAULTS
from tests.support.checkout import ROOT

REMOVED = re.compile(r"^rm (ktrdr/\S+)$", re.MULTILINE)
CHANGED = re.compile(r"^grep -qF '(.+)' \S*/(ktrdr/\S+\.py)$", re.MULTILINE)


def test_what_is_removed_is_there() -> None:
    patterns = [pattern for fault in FAULTS for pattern in REMOVED.findall(fault.lines)]
    assert patterns
    assert [pattern for pattern in patterns if not list(ROOT.glob(pattern))] == []


def test_what_is_changed_is_there() -> None:
    texts = [found for fault in FAULTS for found in CHANGED.findall(fault.lines)]
    assert texts
    assert [(text, path) for text, path in texts if text not in (ROOT / path).read_text(encoding="utf-8")] == []
