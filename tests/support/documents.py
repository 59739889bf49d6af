"""The repository's Markdown documents, and their sentences: without code blocks, tables, headings and pictures."""

import re
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

README = ROOT / "README.md"
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("[!.]*/*.md")] if path.parent.name != "artifacts")
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))

FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
NO_PROSE = re.compile(r"^(#|\||!\[|<!--)")
ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")
# A command or a name in code is one word, a link is its text; emphasis is no word of its own.
INLINE = ((re.compile(r"`[^`]+`"), "code"), (re.compile(r"\[([^]]*)\]\([^)]*\)"), r"\1"), (re.compile(r"\*\*|__"), ""))
END = re.compile(r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<=[.!?])[)\"']*\s+")


def text(path: Path) -> str:
    """Return a document's text."""
    return path.read_text(encoding="utf-8")


def linked(document: Path) -> list[Path]:
    """Return the files and folders of this repository to which a document leads."""
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", text(document))
    return [(document.parent / target).resolve() for target in targets if not target.startswith(("http:", "https:"))]


def sentences(markdown: str) -> list[str]:
    """Return the sentences; a paragraph or an item of a list ends one, whether or not it has a full stop."""
    return [sentence for text in _paragraphs(markdown) for sentence in END.split(text) if re.search(r"\w", sentence)]


def length(sentence: str) -> int:
    """Return how many words a sentence has."""
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def _paragraphs(markdown: str) -> list[str]:
    paragraphs = [""]
    for line in FENCE.sub("\n", markdown).splitlines():
        if not line.strip() or NO_PROSE.match(line):
            paragraphs.append("")
        elif ITEM.match(line):
            paragraphs.append(ITEM.sub("", line))
        else:
            paragraphs[-1] += f" {line.strip()}"
    return [_plain(text) for text in paragraphs if text.strip()]


def _plain(text: str) -> str:
    for pattern, replacement in INLINE:
        text = pattern.sub(replacement, text)
    return text.strip()
