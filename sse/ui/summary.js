// A line about an event of which nothing is known: the names that events use.

const titles = ["title", "page_title", "name", "subject", "headline", "message", "text", "summary", "label"];
const kinds = ["type", "page_change_kind", "kind", "action", "event", "op", "level"];
const sources = ["wiki", "wiki_id", "database", "domain", "source", "site", "service", "host"];
const people = ["user", "user_text", "author", "actor", "owner"];

const longest = 200; // characters of a line

// summary returns what an event is (the end of its topic where it does not say),
// its title, and who or where.
export function summary(data, topic = "") {
  let v;
  try {
    v = JSON.parse(data);
  } catch {
    // Not JSON: the text is all there is.
  }
  if (v === null || typeof v !== "object" || Array.isArray(v)) return { what: topic.slice(topic.lastIndexOf(".") + 1), title: data.slice(0, longest), who: "" };
  const title = find(v, titles);
  const who = [find(v, sources), find(v, people)].filter(Boolean).join(" · ");
  return { what: find(v, kinds) || topic.slice(topic.lastIndexOf(".") + 1), title: title || data.slice(0, longest), who };
}

// find looks for the first of the names: in the event, then in its objects.
function find(v, names) {
  for (const depth of [[v], Object.values(v)]) {
    for (const o of depth) {
      if (o === null || typeof o !== "object") continue;
      for (const name of names) {
        const it = o[name];
        if ((typeof it === "string" && it) || typeof it === "number") return String(it).slice(0, longest);
      }
    }
  }
  return "";
}
