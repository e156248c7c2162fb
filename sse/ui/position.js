// Ids of events: what they say, and whether anything is missing between them.

// parse reads the partitions of an id: key to {topic, partition, offset, time,
// epoch}. It is null for ids that hide them (the compact form).
export function parse(id) {
  let entries;
  try {
    entries = JSON.parse(id);
  } catch {
    return null;
  }
  if (!Array.isArray(entries)) return null;
  const all = new Map();
  for (const e of entries) {
    all.set(e.topic + "/" + e.partition, { topic: e.topic, partition: e.partition, offset: e.offset, time: e.timestamp, epoch: e.epoch });
  }
  return all;
}

// Ledger follows the position of a subscription from event to event, over all
// of its connections.
export class Ledger {
  constructor() {
    this.parts = new Map(); // by key: what came of each partition
    this.events = 0;
    this.repeated = 0; // events at or below a position that was passed already
    this.checked = false; // ids have offsets
  }

  // take follows one event. It returns the partition that the event is of and
  // its offset, as far as the id tells. own tells it where several have moved.
  take(id, own) {
    const to = parse(id);
    this.events++;
    if (!to) return null;
    let found = false; // partitions of which nothing was known
    const moved = [];
    for (const [key, p] of to) {
      if (p.offset === undefined) continue;
      let part = this.parts.get(key);
      if (!part || part.epoch !== p.epoch) {
        // The first position known of a partition: what came before is not ours to count.
        part = { topic: p.topic, partition: p.partition, epoch: p.epoch, next: p.offset, events: 0, missing: 0 };
        this.parts.set(key, part);
        found = true;
        continue;
      }
      if (p.offset > part.next) moved.push([key, part, p.offset - part.next]);
      part.next = Math.max(part.next, p.offset);
    }
    this.checked = this.parts.size > 0;
    if (this.checked && !found && moved.length === 0) this.repeated++;
    let of = moved[0];
    if (moved.length > 1) of = moved.find(([key]) => key === own?.()) ?? moved.find(([, , step]) => step === 1) ?? of;
    for (const [key, part, step] of moved) {
      const its = of[0] === key;
      if (its) part.events++;
      part.missing += step - (its ? 1 : 0);
    }
    const at = of && to.get(of[0]);
    return at ? { topic: at.topic, partition: at.partition, offset: at.offset - 1, time: at.time } : newest(to);
  }

  // gap takes what a notice says cannot be delivered.
  gap(topic, partition, given) {
    const part = this.parts.get(topic + "/" + partition);
    if (part && given > part.next) part.next = given;
  }

  get missing() {
    let n = 0;
    for (const p of this.parts.values()) n += p.missing;
    return n;
  }

  // mark remembers where everything stands.
  mark() {
    const parts = new Map();
    for (const [key, p] of this.parts) parts.set(key, { ...p });
    return { parts, repeated: this.repeated };
  }
}

// newest is the partition of an id with the largest time.
function newest(all) {
  let best = null;
  for (const p of all.values()) if (p.time !== undefined && !(best?.time >= p.time)) best = p;
  return best && { topic: best.topic, partition: best.partition, time: best.time };
}
