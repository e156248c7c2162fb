// JSON as a tree of <details>, built as it is opened.

import { element } from "./list.js";

const widest = 200; // members shown of one value
const longest = 4000; // characters shown of one string
const open = 2; // levels

// Literal is a number as it was written: 25.00 is no 25, 2^63 no float.
class Literal {
  constructor(source) {
    this.source = source;
  }
}

export function tree(data) {
  let v = data;
  try {
    v = JSON.parse(data, (_, v, context) => (typeof v === "number" && context?.source ? new Literal(context.source) : v));
  } catch {
    // Not JSON: a string.
  }
  const root = element("div", "tree");
  if (isNode(v)) root.append(...members(v, 1));
  else root.append(leaf(null, v));
  return root;
}

const isNode = (v) => v !== null && typeof v === "object" && !(v instanceof Literal);

function members(v, level) {
  const all = Object.entries(v);
  const shown = all.slice(0, widest).map(([k, m]) => (isNode(m) ? node(k, m, level) : leaf(k, m)));
  if (all.length > widest) shown.push(element("div", "c", `… and ${all.length - widest} more`));
  return shown;
}

function node(key, v, level) {
  const d = document.createElement("details");
  const n = Object.keys(v).length;
  const head = document.createElement("summary");
  head.append(element("span", "k", key), element("span", "c", Array.isArray(v) ? ` [${n}]` : ` {${n}}`));
  d.append(head);
  const fill = () => {
    if (!d.open || d.children.length > 1) return;
    const inside = document.createElement("div");
    inside.append(...members(v, level + 1));
    d.append(inside);
  };
  d.addEventListener("toggle", fill);
  d.open = level < open;
  fill();
  return d;
}

function leaf(key, v) {
  const line = element("div", "leaf");
  if (key !== null) line.append(element("span", "k", key), element("span", "c", ": "));
  let text = typeof v === "string" ? v : v instanceof Literal ? v.source : String(v);
  if (text.length > longest) text = text.slice(0, longest) + "…";
  const kind = typeof v === "string" ? "s" : v instanceof Literal || typeof v === "number" ? "n" : "w";
  line.append(element("span", kind, kind === "s" ? JSON.stringify(text) : text));
  return line;
}
