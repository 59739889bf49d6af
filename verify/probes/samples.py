"""Small values of JSON schemas, that a request may reach the code behind the validation: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself.
"""

import re

# Values of the formats that have a form of their own (JSON Schema, validation, section 7.3; the last are pydantic's)
FORMATS = {
    "date": "2024-01-01", "date-time": "2024-01-01T00:00:00Z", "time": "00:00:00", "duration": "P1D",
    "uuid": "00000000-0000-4000-8000-000000000000", "uri": "http://127.0.0.1/", "email": "a@example.org",
    "ipv4": "127.0.0.1", "ipv6": "::1", "hostname": "localhost", "byte": "YQ==", "json-string": "{}",
    "ipvanyaddress": "127.0.0.1", "ipvanyinterface": "127.0.0.1/8", "ipvanynetwork": "127.0.0.0/8",
}  # fmt: skip
# What else a pattern may be content with
WORDS = (
    "EURUSD", "eurusd", "A", "a", "1", "a1", "1a", "a_b", "a-b", "a.b", "a/b", "A_B", "A-B", "EUR/USD", "1.0.0", "v1.0",
    "2024", "2024-01", "+491234567", "#000000", "/a", "key=value", "a:b", *FORMATS.values(),
)  # fmt: skip
LENGTHS = (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 26, 32, 36, 40, 64, 128)
DEEPEST = 8


def sample(schema, document, depth=0):
    """Return a small value of a JSON schema, where one is found."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        return None
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target.get(part, {})
        return sample(target, document, depth + 1)
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
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        names = schema.get("required", [])
        return {name: sample(schema.get("properties", {}).get(name, {}), document, depth + 1) for name in names}
    if kind == "array":
        first = [sample(one, document, depth + 1) for one in schema.get("prefixItems", [])]
        return first or [sample(schema.get("items", {}), document, depth + 1)] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return number(schema, int if kind == "integer" else float)
    return {"boolean": False, "null": None}[kind] if kind in ("boolean", "null") else text(schema)


def number(schema, kind):
    """Return a number within a schema's bounds, 1 where they allow it."""
    bounds = [schema[key] for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum") if key in schema]
    bounds = [one for one in bounds if isinstance(one, (int, float)) and not isinstance(one, bool)]
    step = schema.get("multipleOf") or 0
    guesses = [1, *(kind(one + more) for one in bounds for more in (0, 1, -1)), step, 0]
    guesses += [(one // step + more) * step for one in bounds if step for more in (0, 1, -1)]
    if bounds:
        guesses += [(min(bounds) + max(bounds)) / 2, min(bounds) / 2, max(bounds) / 2]
    fitting = (one for one in guesses if within(one, schema, step) and one == kind(one))
    return next(fitting, 1)


def within(value, schema, step):
    """Tell whether a number is within a schema's bounds."""
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and (schema.get("exclusiveMinimum") is None or value > schema["exclusiveMinimum"])
        and (schema.get("exclusiveMaximum") is None or value < schema["exclusiveMaximum"])
        and not (step and value % step)
    )


def text(schema):
    """Return a text of a schema's format, length and pattern, the plainest that fits."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1 << 20)
    own = FORMATS.get(schema.get("format"))
    if own is not None and "pattern" not in schema:
        return own
    sized = (letter * length for length in (least, *LENGTHS, most) if length <= 1 << 10 for letter in "aA0")
    guesses = [one for one in (own, *WORDS, *sized) if one is not None and least <= len(one) <= most]
    try:
        return next((one for one in guesses if re.search(schema.get("pattern", ""), one)), "EURUSD")
    except re.error:
        return "EURUSD"  # a pattern of another language's
