// The filters, the order and the pages of the list of operations.

import { byId, setText, show } from "./dom.js";

const SIZE = 40;
let offset = 0;

// Calls `changed` when another page or other operations are wanted.
export function setPager(changed) {
  const to = (place) => {
    offset = Math.max(0, place);
    changed();
  };
  for (const id of ["operations-type", "operations-status", "operations-sort"]) byId(id).addEventListener("change", () => to(0));
  byId("operations-back").addEventListener("click", () => to(offset - SIZE));
  byId("operations-on").addEventListener("click", () => to(offset + SIZE));
}

// Returns what to ask for.
export function wanted() {
  const query = new URLSearchParams({ limit: SIZE, brief: "true", offset, sort: byId("operations-sort").value });
  const [type, status] = [byId("operations-type").value, byId("operations-status").value];
  if (type) query.set("operation_type", type);
  if (status) query.set("status", status);
  return query;
}

export function showPager(shown, total) {
  show(byId("operations-pages"), total > SIZE || offset > 0);
  byId("operations-back").disabled = offset === 0;
  byId("operations-on").disabled = offset + shown >= total;
  setText(byId("operations-told"), shown ? `${offset + 1} to ${offset + shown} of ${total}` : "None on this page");
}
