// Live text, put together again whatever the line lost: by stream, generation and offset (docs/http.md).

/** The texts of a run as they grow. Offsets count code points. */
export class Texts {
  constructor() {
    /** @type {Map<string, {generation: number, text: string, length: number}>} */
    this.streams = new Map();
  }

  /** @param {{kind: string, stream: string, generation: number, offset: number, text: string}} item */
  take(item) {
    const held = this.streams.get(item.stream);
    if (held && item.generation < held.generation) return;
    if (!held || item.generation > held.generation || item.kind === "reset") {
      this.streams.set(item.stream, { generation: item.generation, text: "", length: 0 });
    }
    if (item.kind !== "text") return;
    const stream = /** @type {{text: string, length: number}} */ (this.streams.get(item.stream));
    const points = [...item.text];
    const known = stream.length - item.offset; // characters of this piece that are there already
    if (known < 0) return; // a gap: what closes the stream holds it whole
    if (known >= points.length) return;
    stream.text += known ? points.slice(known).join("") : item.text;
    stream.length += points.length - known;
  }

  /** @param {string} stream */
  of(stream) {
    return this.streams.get(stream)?.text || "";
  }

  /** @param {string} [stream] all when left out */
  close(stream) {
    if (stream === undefined) this.streams.clear();
    else this.streams.delete(stream);
  }
}
