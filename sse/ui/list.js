// The events that are kept, and the rows that show some of them.

import { summary } from "./summary.js";

const keepEvents = 1000;
const keepChars = 4 << 20; // of their data, and of the data behind the rows
const keepRows = 200;
const perFrame = 40; // rows a turn
const turn = 150; // ms between turns: faster than that nobody reads
const animated = 5; // rows a turn up to which they are lit up as they come

export class List {
  // open(event, row) is called with the event that is chosen.
  constructor(rows, open) {
    this.rows = rows;
    this.open = open;
    this.words = [];
    this.paused = false;
    this.dirty = false;
    this.drawn = 0;
    this.clear();
    rows.addEventListener("click", (e) => this.choose(e.target.closest(".row")));
    rows.addEventListener("keydown", (e) => this.move(e));
    rows.addEventListener("focusin", (e) => this.focus(e.target));
  }

  clear() {
    this.kept = [];
    this.chars = 0;
    this.shown = new Map(); // item of the list to event
    this.shownChars = 0;
    this.waiting = []; // for their row, the newest last
    this.unseen = 0; // events that came while paused
    this.tab = null;
    this.rows.replaceChildren();
  }

  add(event) {
    this.kept.push(event);
    this.chars += event.data.length;
    while (this.kept.length > keepEvents || (this.chars > keepChars && this.kept.length > 1)) {
      const old = this.kept.shift();
      this.chars -= old.data.length;
      if (this.waiting[0] === old) this.waiting.shift();
    }
    if (!this.matches(event)) return;
    if (this.paused) this.unseen++;
    this.waiting.push(event);
    if (this.waiting.length > keepRows) this.waiting.shift();
    this.plan();
  }

  matches(event) {
    if (this.words.length === 0) return true;
    const text = event.data.toLowerCase();
    return this.words.every((w) => text.includes(w));
  }

  // filter shows, of the events that are kept, those with all of the words.
  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.redraw();
  }

  pause(on) {
    this.paused = on;
    if (on) return;
    this.unseen = 0;
    this.plan();
  }

  redraw() {
    this.waiting = this.kept.filter((e) => this.matches(e)).slice(-keepRows);
    this.unseen = 0;
    this.tab = null;
    this.shown.clear();
    this.shownChars = 0;
    this.rows.replaceChildren();
    this.draw(keepRows);
  }

  // plan draws before the next frame; a page in the background has none.
  plan() {
    if (this.dirty) return;
    this.dirty = true;
    requestAnimationFrame((now) => {
      if (now - this.drawn < turn) return void setTimeout(() => ((this.dirty = false), this.plan()), turn);
      this.dirty = false;
      this.drawn = now;
      if (!this.paused) this.draw(perFrame);
    });
  }

  draw(most) {
    const fresh = this.waiting.splice(0).slice(-most);
    const lit = most === perFrame && fresh.length <= animated;
    const down = this.rows.scrollTop;
    const before = this.rows.scrollHeight;
    const part = document.createDocumentFragment();
    for (const e of fresh) {
      const li = e.gap ? gapRow(e) : eventRow(e, lit);
      this.shown.set(li, e);
      this.shownChars += e.data.length;
      part.prepend(li);
    }
    this.rows.prepend(part);
    while (this.shown.size > keepRows || (this.shownChars > keepChars && this.shown.size > 1)) this.drop(this.rows.lastElementChild);
    if (!this.tab) this.stop(this.rows.querySelector(".row"));
    // Somebody who has scrolled down reads: the rows stay where they are.
    if (down > 0) this.rows.scrollTop = down + this.rows.scrollHeight - before;
  }

  // drop removes the oldest row, and leaves the focus in the list.
  drop(li) {
    const holds = li.contains(document.activeElement);
    if (li.contains(this.tab)) this.tab = null;
    this.shownChars -= this.shown.get(li).data.length;
    this.shown.delete(li);
    li.remove();
    if (holds) this.rows.querySelector("li:last-of-type .row")?.focus();
  }

  choose(row) {
    if (row) this.open(this.shown.get(row.parentElement), row);
  }

  // The list is one stop of the tab key; arrows move in it.
  stop(row) {
    this.tab?.setAttribute("tabindex", -1);
    this.tab = row;
    row?.setAttribute("tabindex", 0);
  }

  focus(target) {
    if (target.classList.contains("row")) this.stop(target);
  }

  move(e) {
    const all = [...this.rows.querySelectorAll(".row")];
    const i = all.indexOf(document.activeElement);
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: all.length - 1 }[e.key];
    if (to === undefined || i < 0) return;
    e.preventDefault();
    all[to]?.focus();
  }
}

function eventRow(e, lit) {
  const row = element("button", lit ? "row new" : "row");
  row.type = "button";
  row.tabIndex = -1;
  const s = (e.summary ??= summary(e.data, e.at?.topic));
  const time = element("time", "", clock(e.came));
  row.append(time, element("span", "what", s.what), element("span", "title", s.title), element("span", "who", s.who));
  const li = document.createElement("li");
  li.append(row);
  return li;
}

function gapRow(e) {
  const g = e.gap;
  const to = g.given < 0 ? "" : `, goes on at ${g.given}`;
  return element("li", "gap", `Gap (${g.reason}): ${g.topic}, partition ${g.partition}, asked for ${g.asked}${to}`);
}

export function element(name, className, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text) e.textContent = text;
  return e;
}

export const clock = (ms) => {
  const d = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
};
