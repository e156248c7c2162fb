// The page: streams that are chosen, figures, and the parts put together.

import { Detail } from "./detail.js";
import { Feed } from "./feed.js";
import { List } from "./list.js";
import { Meter, duration, number } from "./meter.js";
import { Ledger } from "./position.js";
import { Resume } from "./resume.js";

const $ = (id) => document.getElementById(id);
const boxes = [...document.querySelectorAll("input[name=stream]")];

let ledger = new Ledger();
let gaps = 0;
const meter = new Meter();
const detail = new Detail($("detail"), () => feed.url());
const list = new List($("rows"), (event, row) => detail.open(event, row));
const feed = new Feed(document.body.dataset.base, { state, event: take, gap: takeGap });
const resume = new Resume(feed, () => ledger, state);

function state(name, text) {
  $("state").dataset.state = name;
  $("state").textContent = text;
}

function take(data, id) {
  const came = Date.now();
  let own;
  const at = ledger.take(id, () => (own ??= owner(data)));
  const time = at?.time === undefined ? dated(data) : at.time - 1;
  const lag = time === undefined ? undefined : came - time;
  meter.count(lag);
  list.add({ data, id, came, at, lag });
  resume.ready();
}

function takeGap(gap) {
  gaps++;
  ledger.gap(gap.topic, gap.partition, gap.given);
  list.add({ data: JSON.stringify(gap), id: "", came: Date.now(), gap });
}

// owner is the partition that an annotated event names itself.
function owner(data) {
  try {
    const v = JSON.parse(data);
    const m = v._kafka ?? v.meta;
    return `${m.topic}/${m.partition}`;
  } catch {
    return "";
  }
}

// dated is the time that an event says it happened.
function dated(data) {
  const t = Date.parse(/"dt":"([^"]+)"/.exec(data)?.[1]);
  return Number.isNaN(t) ? undefined : t;
}

// connect begins a subscription for the chosen streams.
function connect() {
  const streams = boxes.filter((b) => b.checked).map((b) => b.value);
  ledger = new Ledger();
  gaps = 0;
  meter.reset();
  list.clear();
  resume.reset();
  $("picked").textContent = streams.join(", ");
  history.replaceState(null, "", streams.length ? "#" + streams.join(",") : location.pathname);
  if (streams.length === 0) {
    feed.close();
    state("idle", "Not connected");
  } else {
    const back = Number($("since").value);
    feed.open(streams, back ? String(Date.now() - 1000 * back) : "");
  }
  figures();
}

let plannedConnect = 0;
function chosen() {
  clearTimeout(plannedConnect); // several boxes in a row are one subscription
  plannedConnect = setTimeout(connect, 300);
}

function figures() {
  const rate = meter.rate();
  $("rate").textContent = rate < 10 && rate > 0 ? rate.toFixed(1) : number(Math.round(rate));
  $("received").textContent = number(ledger.events);
  const lag = meter.lag();
  $("lag").textContent = lag === undefined ? "–" : duration(lag);
  $("missing").textContent = ledger.checked ? number(ledger.missing) : "–";
  $("connections").textContent = number(feed.connections);
  $("gaps").textContent = number(gaps);
  $("chart").lastElementChild.setAttribute("d", meter.bars());
  $("chart").setAttribute("aria-label", `Events per second, last 60 seconds; now ${$("rate").textContent}`);
  const none = $("rows").children.length === 0;
  $("empty").hidden = !none;
  $("rows").hidden = none;
  if (none) $("empty").textContent = feed.source === null ? "Choose a stream." : list.words.length ? "No event has these words." : "Waiting for events…";
  $("hint").textContent = list.paused ? `${number(list.unseen)} newer` : list.words.length ? `${$("rows").children.length} shown` : "";
}

setInterval(() => {
  meter.tick();
  figures();
  resume.tick();
}, 1000);

$("pause").addEventListener("click", () => {
  list.pause(!list.paused);
  $("pause").setAttribute("aria-pressed", list.paused);
  figures();
});

let plannedFilter = 0;
$("filter").addEventListener("input", () => {
  clearTimeout(plannedFilter);
  plannedFilter = setTimeout(() => (list.filter($("filter").value), figures()), 150);
});

for (const box of boxes) box.addEventListener("change", chosen);
$("since").addEventListener("change", chosen);

if (matchMedia("(max-width: 57.99rem)").matches) for (const d of document.querySelectorAll(".fold")) d.open = false;
const wanted = location.hash.slice(1).split(",");
const first = boxes.filter((b) => wanted.includes(b.value));
for (const box of first.length ? first : boxes.slice(0, 1)) box.checked = true;
connect();
