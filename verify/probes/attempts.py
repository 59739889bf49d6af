"""Tries something, so that whatever it raises becomes part of a report."""

import traceback


def attempt(function):
    """Return ``{"ok": True}`` with what the function found, or the exception that it raised."""
    try:
        return {"ok": True, **(function() or {})}
    except BaseException as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()[-4000:]}
