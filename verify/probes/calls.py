"""One request to every operation of an API, and what of an answer is the same whoever gives it: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself.
"""

import json
import re
import urllib.parse

from verify.probes.samples import sample

METHODS = ("get", "head", "post", "put", "patch", "delete")
UNKNOWN = (("GET", "/"), ("GET", "/nowhere"), ("GET", "/api/v1/nowhere"))  # what no document names
BODY_AT_MOST = 1_000_000  # bytes of an answer that are compared
WORD = "EURUSD"
BOUNDARY = "boundary-of-the-probe"


def calls_of(document):
    """Yield method, path, headers and body of one request to every operation of an OpenAPI document, readers first.

    There is a value for each parameter that is required, and for what the operation asks of whoever may use it.
    """
    for methods in (("get", "head"), ("post", "put", "patch"), ("delete",)):
        for path, operations in document.get("paths", {}).items():
            for method in methods:
                if method in operations:
                    parameters = [*operations.get("parameters", []), *operations[method].get("parameters", [])]
                    parameters += keys(operations[method], document)
                    kind, body = body_of(operations[method].get("requestBody", {}), document)
                    headers = {"Content-Type": kind, **headers_of(parameters, document)}
                    yield method.upper(), filled(path, parameters, document), headers, body


def keys(operation, document):
    """Return, as parameters, what an operation asks of whoever may use it: the first of its ways (OpenAPI)."""
    ways = operation.get("security", document.get("security", []))
    schemes = document.get("components", {}).get("securitySchemes", {})
    found = []
    for one in (schemes.get(name, {}) for name in (ways[0] if ways else {})):
        kind = str(one.get("scheme", "bearer")).capitalize()
        value = "RVVSVVNEOkVVUlVTRA==" if kind == "Basic" else WORD  # RFC 7617: base64 of WORD:WORD
        header = {"in": "header", "name": "Authorization", "schema": {"const": f"{kind} {value}"}}
        found.append({**(one if one.get("type") == "apiKey" else header), "required": True})
    return found


def body_of(declared, document):
    """Return the content type and the body of a request, None where there is none to send."""
    content = declared.get("content", {})
    if not content:
        return "application/json", None
    kind = "application/json" if "application/json" in content else next(iter(content))
    value = sample(content[kind].get("schema", {}), document)
    fields = value if isinstance(value, dict) else {}
    if kind.endswith("json"):
        return kind, json.dumps(value).encode()
    if kind == "application/x-www-form-urlencoded":
        return kind, urllib.parse.urlencode(fields).encode()
    if kind == "multipart/form-data":  # RFC 7578
        parts = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n{one}\r\n'
            for name, one in fields.items()
        )
        return f"{kind}; boundary={BOUNDARY}", f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()
    return kind, (value if isinstance(value, str) else WORD).encode()


def value_of(parameter, document):
    """Return a value for a parameter, as the text that it is sent as."""
    value = sample(parameter.get("schema", {"type": "string"}), document)
    return value if isinstance(value, str) else json.dumps(value)


def headers_of(parameters, document):
    """Return the required headers, and cookies as one."""
    found, cookies = {}, []
    for one in parameters:
        if one.get("required") and one.get("in") in ("header", "cookie"):
            value = value_of(one, document)
            if one["in"] == "header":
                found[str(one.get("name"))] = value
            else:
                cookies.append(f"{one.get('name')}={value}")
    return {**found, "Cookie": "; ".join(cookies)} if cookies else found


def filled(path, parameters, document):
    """Return a path of the document with a value for each parameter, and the required ones of the query."""
    path, query = urllib.parse.quote(path, safe="/{}"), []
    for one in parameters:
        value = urllib.parse.quote(value_of(one, document), safe="")
        if one.get("in") == "path":
            path = path.replace("{" + str(one.get("name")) + "}", value)
        elif one.get("in") == "query" and one.get("required"):
            query.append(f"{urllib.parse.quote(str(one.get('name')))}={value}")
    path = re.sub(r"\{\w+\}", WORD, path)
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
