"""Reads a strategy's YAML, within bounds: only values that JSON can hold too."""

import copy
from functools import lru_cache
from typing import Any, Final

import yaml

from ktrdr.strategy.issues import brief
from ktrdr.strategy.plain import DEPTH_LIMIT, problem

KEPT: Final = 16 * 1024
"""Characters. Reading so much YAML takes 30 ms of a processor, and a backend reads the same text at every start."""


class BadDocument(ValueError):
    """A document that cannot be a strategy; the message names the place and the next step."""


class _Loader(yaml.SafeLoader):
    """Builds plain values; refuses aliases, by which a small file could grow, and duplicate keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise BadDocument(f"line {mark.line + 1}: aliases (*name) are not read; write the values out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  the library's own
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise BadDocument(
                    f"line {key.start_mark.line + 1}: the key {brief(key.value)} is there twice; keep one"
                )
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(text: str) -> Any:
    """Return the document as plain values; BadDocument if it is not valid YAML. The last short ones are remembered."""
    return copy.deepcopy(_remembered(text)) if len(text) <= KEPT else _read(text)


@lru_cache(maxsize=8)
def _remembered(text: str) -> Any:
    return _read(text)


def _read(text: str) -> Any:
    try:
        document = yaml.load(text, _Loader)  # noqa: S506  a stricter SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise BadDocument(f"not valid YAML{where}") from None
    except RecursionError:
        raise BadDocument(f"nested too deeply; {DEPTH_LIMIT} levels are plenty") from None
    except BadDocument:
        raise
    except (ValueError, OverflowError, TypeError, AttributeError, KeyError, IndexError) as error:
        # The library's conversions fail: a date that does not exist, a number of 5,000 digits, an unknown tag.
        raise BadDocument(f"a value cannot be read ({brief(str(error))}); put it in quotes") from None
    if objection := problem(document):
        raise BadDocument(objection)
    return document
