"""Puts anything at all somewhere into a JSON document."""

from typing import Any

from hypothesis import strategies as st


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the whole of it aside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, child in inner for place in ((*path, key), *places(child, (*path, key)))]


def spoil_a_value(data: st.DataObject, document: Any, values: st.SearchStrategy[Any]) -> None:
    """Put one of these values in place of some value of the document, or take that away."""
    *way, last = data.draw(st.sampled_from(places(document)), "place")
    parent = document
    for key in way:
        parent = parent[key]
    if data.draw(st.booleans(), "take away"):
        del parent[last]
    else:
        parent[last] = data.draw(values, "value")
