// The demonstration: away for a while, and then every offset that went by.

import { element } from "./list.js";
import { number } from "./meter.js";

const away = 10; // s
const most = 50; // topics shown, and partitions of each
const enough = 3; // s of events before the verdict

export class Resume {
  constructor(feed, ledger, state) {
    this.feed = feed;
    this.ledger = ledger; // returns the subscription's
    this.state = state;
    this.cut = document.querySelector("#cut");
    this.go = document.querySelector("#go");
    this.verdict = document.querySelector("#verdict");
    this.cut.addEventListener("click", () => this.leave());
    this.go.addEventListener("click", () => this.comeBack());
  }

  // reset forgets a demonstration: there is another subscription.
  reset() {
    clearInterval(this.clock);
    this.left = null;
    this.go.hidden = true;
    this.cut.disabled = true;
    this.cut.textContent = `Disconnect for ${away} s`;
    this.tell("", "");
    document.querySelector("#account").hidden = true;
  }

  // ready is called when there is a position to come back to.
  ready() {
    if (this.go.hidden) this.cut.disabled = false;
  }

  leave() {
    this.feed.close();
    this.left = this.ledger().mark();
    this.wait = away;
    this.back = 0;
    this.cut.disabled = true;
    this.go.hidden = false;
    this.go.focus();
    this.tell("", "");
    this.state("off", "Disconnected");
    this.show();
    const count = () => (this.cut.textContent = `Back in ${this.wait} s`);
    count();
    this.clock = setInterval(() => (--this.wait > 0 ? count() : this.comeBack()), 1000);
  }

  comeBack() {
    clearInterval(this.clock);
    const hadFocus = document.activeElement === this.go;
    this.go.hidden = true;
    this.cut.disabled = false;
    this.cut.textContent = `Disconnect for ${away} s`;
    if (hadFocus) this.cut.focus();
    this.feed.resume();
  }

  // tick is called once a second.
  tick() {
    if (!this.left) return;
    const sum = this.show();
    if (sum.events === 0 || !this.go.hidden || ++this.back < enough) return;
    if (!this.ledger().checked) return this.tell("", "The ids of these streams do not show offsets: nothing can be counted.");
    if (sum.missing === 0 && sum.repeated === 0) this.tell("good", "Nothing is missing, nothing came twice.");
    else this.tell("bad", `${number(sum.missing)} offsets had no event, ${number(sum.repeated)} events came twice.`);
  }

  tell(className, text) {
    if (this.verdict.textContent === text) return;
    this.verdict.className = className;
    this.verdict.textContent = text;
  }

  // show counts, per partition, what has come since the cut.
  show() {
    const sum = { passed: 0, events: 0, missing: 0, repeated: this.ledger().repeated - this.left.repeated };
    const topics = new Map(); // to the rows of the partitions that have moved
    for (const [key, now] of this.ledger().parts) {
      let then = this.left.parts.get(key);
      if (then?.epoch !== now.epoch) then = now;
      if (now.next === then.next) continue;
      const events = now.events - then.events;
      const missing = now.missing - then.missing;
      sum.passed += now.next - then.next;
      sum.events += events;
      sum.missing += missing;
      if (!topics.has(now.topic)) topics.set(now.topic, []);
      topics.get(now.topic).push(cells(document.createElement("tr"), String(now.partition), then.next, now.next, events, missing));
    }
    const table = document.querySelector("#parts");
    for (const old of table.querySelectorAll("tbody")) old.remove();
    for (const [topic, rows] of [...topics].slice(0, most)) {
      const body = document.createElement("tbody");
      const head = element("th", "", topic);
      head.colSpan = 5;
      head.scope = "rowgroup";
      const line = document.createElement("tr");
      line.append(head);
      body.append(line, ...rows.slice(0, most));
      table.append(body);
    }
    const all = document.querySelector("#all");
    all.replaceChildren();
    cells(all, "All", "", sum.passed, sum.events, sum.missing);
    document.querySelector("#account").hidden = topics.size === 0;
    return sum;
  }
}

function cells(line, name, ...numbers) {
  const head = element("th", "", name);
  head.scope = "row";
  line.append(head, ...numbers.map((n) => element("td", "", n === "" ? "" : number(n))));
  return line;
}
