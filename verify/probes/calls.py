"""One request to every operation of an API, and what of an answer is the same whoever gives it: a part of the probes.

``verify.questions`` puts it into their source; it is no probe by itself.
"""

import json
import re
import urllib.parse

METHODS = ("get", "head", "post", "put", "patch", "delete")
UNKNOWN = (("GET", "/", None), ("GET", "/nowhere", None), ("GET", "/api/v1/nowhere", None))  # what no document names
BODY_AT_MOST = 1_000_000  # bytes of an answer that are compared


def sample(schema, document, depth=0):
    """Return a small value of a JSON schema, so that a request reaches the code behind the validation."""
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(part, {})
        return sample(target, document, depth + 1) if depth < 8 else None
    for key in ("const", "default", "example"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return sample(schema[key][0], document, depth + 1)
    kind = schema.get("type", "object")
    if kind == "object":
        names = schema.get("required", [])
        return {name: sample(schema.get("properties", {}).get(name, {}), document, depth + 1) for name in names}
    if kind == "array":
        return [sample(schema.get("items", {}), document, depth + 1)] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return False
    return {"date": "2024-01-01", "date-time": "2024-01-01T00:00:00Z"}.get(schema.get("format"), "EURUSD")


def calls_of(document):
    """Yield method, path and body of one request to every operation of an OpenAPI document, those that read first.

    The path has a value for each of its parameters, and the query that is required.
    """
    for methods in (("get", "head"), ("post", "put", "patch"), ("delete",)):
        for path, operations in document.get("paths", {}).items():
            for method in methods:
                if method in operations:
                    content = operations[method].get("requestBody", {}).get("content", {})
                    schema = content.get("application/json", {}).get("schema")
                    body = None if schema is None else json.dumps(sample(schema, document)).encode()
                    yield method.upper(), filled(path, operations[method].get("parameters", []), document), body


def filled(path, parameters, document):
    """Return a path of the document with a value for each parameter, and the required ones of the query."""
    path, query = urllib.parse.quote(path, safe="/{}"), []
    for one in parameters:
        value = sample(one.get("schema", {"type": "string"}), document)
        value = urllib.parse.quote(value if isinstance(value, str) else json.dumps(value), safe="")
        if one.get("in") == "path":
            path = path.replace("{" + str(one.get("name")) + "}", value)
        elif one.get("in") == "query" and one.get("required"):
            query.append(f"{urllib.parse.quote(str(one.get('name')))}={value}")
    path = re.sub(r"\{\w+\}", "EURUSD", path)
    return f"{path}?{'&'.join(query)}" if query else path


def same(value):
    """Return what of a JSON value does not change with time, host and run: no number, and no text that has a digit."""
    if isinstance(value, dict):
        return {str(name): same(one) for name, one in value.items()}
    if isinstance(value, list):
        return [same(one) for one in value]
    changing = isinstance(value, (int, float)) or (isinstance(value, str) and any(map(str.isdigit, value)))
    return "…" if changing and not isinstance(value, bool) else value


def digest(status, kind, body):
    """Return an answer in a word: its status, and a digest of what of it is the same whoever gives it, and when.

    ``kind`` is its content type; of what is no JSON that alone.
    """
    import hashlib

    told = kind.partition(";")[0].strip().lower()
    if told.endswith("json"):
        try:
            told = json.dumps(same(json.loads(body)), sort_keys=True)
        except (ValueError, RecursionError):
            told = "no JSON"
    return f"{status} {hashlib.sha256(told.encode('utf-8', 'replace')).hexdigest()[:16]}"
