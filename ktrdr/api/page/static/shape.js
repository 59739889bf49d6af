// Writes a JSON schema as people write a shape: {name: string, points?: [number]}.

const DEEP = 5;

export function shape(schema, api, depth = 0) {
  if (typeof schema === "boolean") return "anything";
  const inside = (one) => shape(one, api, depth + 1);
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return depth < DEEP ? shape(api.components.schemas[name], api, depth) : name;
  }
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(inside))].join(" | ");
  if (schema.allOf) return schema.allOf.map(inside).join(" & ");
  if (schema.properties) return depth < DEEP ? fields(schema, api, depth) : "{…}";
  if (schema.type === "array") return list(schema, inside);
  if (schema.type === "object") return schema.additionalProperties ? `{[name]: ${inside(schema.additionalProperties)}}` : "{}";
  return simple(schema);
}

function fields({ properties, required = [] }, api, depth) {
  const gap = "  ".repeat(depth + 1);
  const lines = Object.entries(properties)
    .map(([name, one]) => `${gap}${name}${required.includes(name) ? "" : "?"}: ${shape(one, api, depth + 1)}`);
  return lines.length ? `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}` : "{}";
}

function list({ items, prefixItems }, inside) {
  if (prefixItems) return `[${prefixItems.map(inside).join(", ")}]`;
  return `[${items ? inside(items) : "anything"}]`;
}

function simple({ type, format, minimum, maximum, default: usual }) {
  const bounds = minimum === undefined && maximum === undefined ? "" : ` ${minimum ?? "…"} to ${maximum ?? "…"}`;
  const otherwise = usual === undefined || usual === null ? "" : ` = ${JSON.stringify(usual)}`;
  return `${format ?? type ?? "anything"}${bounds}${otherwise}`;
}
