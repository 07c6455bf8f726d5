// What has come of a stack, and what to ask for next: small resolutions of all slices first, then
// the rest from the slice on screen outwards. Bytes are asked for once, by range requests.

export class Slice {
  constructor({ object, frame }) {
    this.url = object;
    this.frame = frame;
    this.bytes = new Uint8Array(0);
    this.picture = null; // {samples, rows, cols, reduce}
    this.busy = false;
  }

  async open() {
    const found = await fetch(this.url.replace(/\.dcm$/, ".radkit.json"));
    if (!found.ok) throw new Error(`${found.status} for the sidecar of ${this.url}`);
    const sidecar = await found.json();
    if (sidecar.form !== "radkit sidecar 1") throw new Error("another form of sidecar");
    const { pieces, cuts } = sidecar.frames[this.frame];
    this.pieces = pieces;
    this.cuts = cuts.map(([reduce, , size]) => ({ reduce, size }));
  }

  // The next cut that has not come, or nothing.
  get next() {
    return this.cuts.find(({ size }) => size > this.bytes.length);
  }

  // Ranges of the object that hold bytes [from, to) of the codestream.
  ranges(from, to) {
    const found = [];
    let at = 0;
    for (const [offset, length] of this.pieces) {
      const [a, b] = [Math.max(from, at), Math.min(to, at + length)];
      if (a < b) found.push([offset + a - at, b - a]);
      at += length;
    }
    return found;
  }

  async fetch(cut) {
    const joined = new Uint8Array(cut.size);
    joined.set(this.bytes);
    let at = this.bytes.length;
    for (const [offset, length] of this.ranges(at, cut.size)) {
      const answer = await fetch(this.url, { headers: { Range: `bytes=${offset}-${offset + length - 1}` } });
      if (answer.status !== 206) throw new Error("the server does not know range requests");
      const part = new Uint8Array(await answer.arrayBuffer());
      if (part.length !== length) throw new Error(`${part.length} bytes instead of ${length}`);
      joined.set(part, at);
      at += length;
    }
    this.bytes = joined;
  }
}

// Coarse rounds go over the whole stack; the last two resolutions are most of the bytes, and go to
// one slice after the other.
const WHOLE_STACK = 2;

export function nextSlice(slices, shown) {
  const waiting = slices.filter((slice) => !slice.busy && slice.next);
  const far = (slice) => Math.abs(slices.indexOf(slice) - shown);
  const round = (slice) => Math.max(slice.next.reduce, WHOLE_STACK - 1);
  waiting.sort((a, b) => round(b) - round(a) || far(a) - far(b));
  return waiting[0];
}
