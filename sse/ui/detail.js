// One event, whole.

import { clock, element } from "./list.js";
import { duration } from "./meter.js";
import { tree } from "./tree.js";

export class Detail {
  constructor(panel, url) {
    this.panel = panel;
    this.url = url; // of the subscription, without a position
    this.shown = panel.querySelector("#shown");
    this.shown.style.display = "contents";
    panel.querySelector("#close").addEventListener("click", () => this.close());
    panel.addEventListener("keydown", (e) => e.key === "Escape" && this.close());
  }

  // open shows an event; from has the focus back when it is closed.
  open(event, from) {
    document.querySelector(".row[aria-current]")?.removeAttribute("aria-current");
    from.setAttribute("aria-current", "true");
    this.from = from;
    this.panel.classList.remove("blank");
    this.panel.querySelector("#none").hidden = true;
    const facts = element("dl", "facts");
    const fact = (name, value) => value && facts.append(element("dt", "", name), element("dd", "", value));
    fact("Received", clock(event.came));
    fact("Lag", event.lag === undefined ? "" : duration(event.lag));
    fact("Topic", event.at?.topic);
    fact("Partition", event.at && `${event.at.partition}${event.at.offset === undefined ? "" : `, offset ${event.at.offset}`}`);
    const curl = `curl -sN -H 'Last-Event-ID: ${event.id.replaceAll("'", "'\\''")}' '${new URL(this.url(), location.href)}'`;
    this.shown.replaceChildren(
      facts,
      heading("Data", "Copy the event", event.data), tree(event.data),
      heading("Id", "Copy the id", event.id), element("code", "code", event.id),
      heading("Go on behind this event", "Copy the command", curl), element("code", "code", curl),
    );
    // Where the panel lies over the list, the focus goes there too.
    if (getComputedStyle(this.panel).position === "fixed") this.panel.querySelector("#opened").focus({ preventScroll: true });
    this.panel.scrollTop = 0;
  }

  close() {
    this.panel.classList.add("blank");
    this.panel.querySelector("#none").hidden = false;
    this.shown.replaceChildren();
    this.from?.removeAttribute("aria-current");
    (this.from?.isConnected ? this.from : document.querySelector("#rows .row"))?.focus();
  }
}

function heading(text, label, what) {
  const h = element("h3", "", text);
  const b = element("button", "small", "Copy");
  b.type = "button";
  b.setAttribute("aria-label", label);
  b.addEventListener("click", async () => {
    b.textContent = (await copy(what)) ? "Copied" : "Not copied";
    setTimeout(() => (b.textContent = "Copy"), 2000);
  });
  h.append(b);
  return h;
}

// copy puts text on the clipboard, also on pages without TLS, where browsers
// have no API for it.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
