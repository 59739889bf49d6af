"""Why something was not seen: the engine's own words, or this machine's."""

import requests
from docker.errors import APIError

from deploy.engine.trouble import classify
from deploy.errors import Problem


def reason(error: Exception) -> str:
    """Return why something failed, in the engine's words. Faults of this machine are not blamed on the engine."""
    if isinstance(error, Problem):
        return str(error)
    engine_s = (requests.RequestException, ConnectionError, TimeoutError)
    if isinstance(error, OSError) and not isinstance(error, engine_s):
        return f"this machine: {error}"
    if isinstance(error, requests.RequestException) and not isinstance(error, APIError):
        trouble, detail = classify(error)  # "permission denied" is what an image's own program gets, too
        return f"the engine: {'it does not let this user in' if trouble == 'denied' else detail}"
    explanation = error.explanation if isinstance(error, APIError) else None
    return f"the engine: {explanation or str(error) or type(error).__name__}"
