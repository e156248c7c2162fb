// Rate and lag, and their chart.

const seconds = 60;

export class Meter {
  constructor() {
    this.reset();
  }

  reset() {
    this.counts = new Array(seconds).fill(0); // by second, the newest last
    this.now = 0; // of the second that runs
    this.lags = [];
  }

  count(lag) {
    this.now++;
    if (lag === undefined) return;
    this.lags.push(lag);
    if (this.lags.length > 101) this.lags.shift();
  }

  // tick ends a second.
  tick() {
    this.counts.push(this.now);
    this.counts.shift();
    this.now = 0;
  }

  // rate is that of the last five seconds.
  rate() {
    return this.counts.slice(-5).reduce((a, b) => a + b, 0) / 5;
  }

  // lag is the median of the last events, in ms.
  lag() {
    return this.lags.toSorted((a, b) => a - b)[this.lags.length >> 1];
  }

  // bars is the chart as a path in a field of 60 by 20.
  bars() {
    const top = Math.max(1, ...this.counts);
    return this.counts.map((n, i) => (n ? `M${i} 20v${(-19 * n) / top}h.75V20z` : "")).join("");
  }
}

export const number = (n) => n.toLocaleString("en");

export function duration(ms) {
  if (ms < 0) ms = 0; // the clocks differ
  if (ms < 1000) return Math.round(ms) + " ms";
  if (ms < 60_000) return (ms / 1000).toFixed(1) + " s";
  if (ms < 3_600_000) return Math.round(ms / 60_000) + " min";
  return (ms / 3_600_000).toFixed(1) + " h";
}
