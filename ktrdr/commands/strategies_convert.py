"""`ktrdr strategies convert`: a strategy of the original ktrdr as one of this ktrdr."""

import argparse
import sys
from pathlib import Path
from typing import Final

LONGEST: Final = 1024 * 1024
EXAMPLES: Final = """\
examples:
  ktrdr strategies convert theirs.yaml          YAML on standard output
  ktrdr strategies convert theirs.yaml --output mine.yaml --leave-out

What was left out or changed is told on standard error.
exit status: 0, or 1 for a strategy that cannot be converted
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("file", help="the strategy's YAML file")
    parser.add_argument("--output", metavar="FILE", help="the file to write (default: standard output)")
    parser.add_argument("--name", help="the new strategy's name (default: the output's, or its own)")
    parser.add_argument("--leave-out", action="store_true", help="leave out inputs that have no equivalent here")


def run(options: argparse.Namespace) -> int:
    """Print or write the converted strategy, and tell what was left out or changed; 1 if it cannot be converted."""
    from ktrdr.strategy.convert import Unconvertible, convert  # noqa: PLC0415  not needed for `--help`
    from ktrdr.strategy.document import BadDocument, read  # noqa: PLC0415

    source, target = Path(options.file), Path(options.output) if options.output else None
    if target is not None and target.exists():
        raise ValueError(f"{target} exists already; name a new file")
    if source.stat().st_size > LONGEST:
        raise ValueError(f"{source} is longer than {LONGEST} bytes; no strategy is")
    name = options.name or (target.stem if target else None)
    try:
        found = convert(read(source.read_text(encoding="utf-8")), name, leave_out=options.leave_out)
    except BadDocument as error:
        raise ValueError(f"{source}: {error}") from None
    except Unconvertible as error:
        for reason in error.reasons:
            print(f"ktrdr: {source}: {reason}", file=sys.stderr)
        if not options.leave_out:
            print("ktrdr: --leave-out converts without inputs that have no equivalent here", file=sys.stderr)
        return 1
    told = [" ".join(str(note).split()) for note in found.notes]
    text = _text(found.document, [f"Converted from {source.name}. Left out or changed:", *told] if told else [])
    if target is None:
        print(text, end="")
    else:
        target.write_text(text, encoding="utf-8")
    for line in told:
        print(f"ktrdr: {source}: {line}", file=sys.stderr)
    return 0


def _text(document: dict[str, object], comments: list[str]) -> str:
    import yaml  # noqa: PLC0415  not needed for `--help`

    head = "".join(f"# {line}\n" for line in comments)
    return head + str(yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110))
