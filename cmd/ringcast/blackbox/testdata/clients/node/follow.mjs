// Follows a stream with a version of the npm package eventsource and prints what it reports.
// usage: node follow.mjs VERSION URL LAST_EVENT_ID
const [version, url, id] = process.argv.slice(2);
const library = await import(`eventsource${version}`);
const EventSource = library.EventSource ?? library.default; // version 2 is CommonJS
// None of them takes an id to begin with; the header that they send later wins over this.
const source = new EventSource(`${url}?lastEventId=${encodeURIComponent(id)}`);
source.onmessage = e => process.stdout.write(JSON.stringify({ id: e.lastEventId, data: e.data }) + "\n");
source.onerror = e => {
  process.stderr.write(`${e.code ?? e.status ?? ""} ${e.message ?? ""}\n`);
  if (source.readyState === EventSource.CLOSED) process.exit(1);
};
