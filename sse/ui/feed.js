// The connection: an EventSource, and what to do where it gives up.

const again = 3000; // ms, and up to as much more

// Feed follows streams. on has state(name, text), event(data, id) and gap(notice).
export class Feed {
  constructor(base, on) {
    this.base = base;
    this.on = on;
    this.id = ""; // of the last event
    this.connections = 0; // of the subscription
    this.source = null;
    this.timer = 0;
    this.asking = null;
  }

  // url is that of the subscription, from a position where there is one.
  url(id = "") {
    const q = new URLSearchParams({ notices: "event" });
    if (id) q.set("lastEventId", id);
    else if (this.since) q.set("since", this.since);
    return `${this.base}/${this.streams.map(encodeURIComponent).join(",")}?${q}`;
  }

  // open begins a subscription anew.
  open(streams, since) {
    this.close();
    this.streams = streams;
    this.since = since;
    this.id = "";
    this.connections = 0;
    this.resume();
  }

  // resume goes on behind the last event.
  resume() {
    this.close();
    this.on.state("connecting", "Connecting…");
    const source = new EventSource(this.url(this.id));
    this.source = source;
    source.onopen = () => {
      this.connections++;
      this.on.state("live", "Live");
    };
    source.onmessage = (e) => {
      this.id = e.lastEventId;
      this.on.event(e.data, e.lastEventId);
    };
    source.addEventListener("gap", (e) => this.on.gap(JSON.parse(e.data)));
    source.onerror = (e) => {
      if (e.data) return this.end(JSON.parse(e.data));
      if (source.readyState === EventSource.CLOSED) return this.ask();
      this.on.state("waiting", "Connection lost, coming back…");
    };
  }

  close() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.source?.close();
    this.source = this.asking = null;
  }

  // ask finds out why EventSource gave up: it tells nobody.
  async ask() {
    this.close();
    const asking = (this.asking = new AbortController());
    let wait = again * (1 + Math.random());
    let why = "Connection lost";
    try {
      const answer = await fetch(this.url(this.id), { signal: asking.signal, headers: { accept: "text/event-stream" } });
      if (!answer.ok) {
        const problem = await answer.json();
        if (answer.status !== 429 && answer.status < 500) return this.end(problem);
        wait = Math.max(wait, 1000 * Number(answer.headers.get("retry-after")) * (1 + Math.random()));
        why = problem.title;
      }
    } catch {
      // Nobody answers, or not as this server does: as good as no answer.
    }
    if (this.asking !== asking) return;
    asking.abort();
    this.on.state("waiting", `${why}, trying again in ${Math.round(wait / 1000)} s`);
    this.timer = setTimeout(() => this.resume(), wait);
  }

  // end gives up: the same request would be refused again.
  end(problem) {
    this.close();
    this.on.state("refused", `${problem.title}: ${problem.detail}`);
  }
}
