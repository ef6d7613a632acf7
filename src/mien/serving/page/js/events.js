// Events of a video or camera, as mien.inference.video.events has them on the averages of mien.inference.video.smoothing:
// stretches in which a face shows an expression other than neutral at `low` or above, reaches `high`, and lasts.  The peak
// is that of single frames.  Python also ends events at scene cuts and where time was lost, which nothing looks for here.

import { rounded } from "./numbers.js";

export class Events {
  #rules; // the card's: smooth, away, low, high, shortest
  #averages = new Map(); // by face: probabilities by label, and seconds
  #open = new Map(); // by face and expression: stretches
  #peaks = new Map(); // likewise: probability and seconds of the strongest frame

  constructor(rules) {
    this.#rules = rules;
  }

  /** Take the next frame, a prediction with track ids, and return the rows of events.csv that ended with it. */
  add({ source, seconds, faces }) {
    const late = seconds - this.#rules.away;
    const here = new Set(faces.map((face) => face.track_id));
    for (const [id, average] of this.#averages) if (!here.has(id) && average.seconds < late) this.#averages.delete(id);
    const below = faces.flatMap((face) => this.#watch(source, face.track_id, this.#averaged(face, seconds), seconds));
    const gone = [...this.#open].filter(([, { track_id: id, offset }]) => !here.has(id) && offset < late).map(([key]) => key);
    const ended = this.#close([...below, ...gone]);
    for (const face of faces) this.#climb(face, seconds);
    return ended;
  }

  /** Return the rows of events that were still open. */
  end() {
    this.#averages.clear();
    return this.#close([...this.#open.keys()]);
  }

  // The probabilities of a face over about the last `smooth` seconds, as pairs.
  #averaged({ track_id: id, probs }, seconds) {
    const before = this.#averages.get(id);
    const weight = before ? 1 - Math.exp(-Math.max(seconds - before.seconds, 0) / this.#rules.smooth) : 1;
    const shown = Object.entries(probs).map(([label, p]) => {
      const old = before?.shown.get(label) ?? 0;
      return [label, old + weight * (p - old)];
    });
    this.#averages.set(id, { shown: new Map(shown), seconds });
    const sum = shown.reduce((all, [, p]) => all + p, 0);
    return shown.map(([label, p]) => [label, Math.fround(p / sum)]);
  }

  // Open and move on the stretches of a face; returns the keys of those that are below now.
  #watch(source, id, probs, seconds) {
    const below = [];
    for (const [expression, p] of probs) {
      const key = `${id} ${expression}`;
      const one = this.#open.get(key);
      if (p < this.#rules.low) below.push(...(one ? [key] : []));
      else if (one) Object.assign(one, { offset: seconds, highest: Math.max(one.highest, p) });
      else if (expression !== "neutral") this.#open.set(key, { source, track_id: id, expression, onset: seconds, offset: seconds, highest: p });
    }
    return below;
  }

  #climb({ track_id: id, probs }, seconds) {
    for (const [expression, p] of Object.entries(probs)) {
      const key = `${id} ${expression}`;
      if (this.#open.has(key) && p > (this.#peaks.get(key)?.p ?? -1)) this.#peaks.set(key, { p, seconds });
    }
  }

  // End stretches and return those that are events.
  #close(keys) {
    const closed = keys.map((key) => {
      const [one, peak] = [this.#open.get(key), this.#peaks.get(key)];
      this.#open.delete(key);
      this.#peaks.delete(key);
      return { ...one, peak };
    });
    return closed.filter((one) => this.#met(one)).sort((a, b) => a.onset - b.onset).map(row);
  }

  #met({ onset, offset, highest }) {
    return highest >= this.#rules.high && rounded(offset - onset, 9) >= this.#rules.shortest;
  }
}

function row({ source, track_id, expression, onset, offset, peak }) {
  const times = { onset, peak: peak.seconds, offset, duration: offset - onset, confidence: peak.p };
  return { source, track_id, expression, ...Object.fromEntries(Object.entries(times).map(([name, value]) => [name, rounded(value, 6)])) };
}
