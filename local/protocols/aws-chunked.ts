/** A body that claims the aws-chunked encoding but does not keep to it. */
export class MalformedChunks extends Error {
  override readonly name = 'MalformedChunks';
}

/** A chunk's head is a length in hex and perhaps a signature of 64 digits; trailers are a checksum and a signature. */
const MAX_LINE_BYTES = 4096;
const MAX_TRAILERS = 32;
const LINE_FEED = 10;

/**
 * Takes the aws-chunked encoding off a body, with or without chunk signatures (which are not verified), and
 * collects the trailers behind the last chunk.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 * @throws MalformedChunks
 */
export async function* decodeAwsChunked(
  source: AsyncIterable<Uint8Array>,
  trailers: Map<string, string>,
): AsyncGenerator<Uint8Array> {
  const decoder = new ChunkDecoder(trailers);
  for await (const piece of source) {
    yield* decoder.decode(piece);
  }
  decoder.end();
}

class ChunkDecoder {
  readonly #trailers: Map<string, string>;
  #state: 'head' | 'data' | 'dataEnd' | 'trailers' | 'done' = 'head';
  #left = 0;
  #line = '';

  constructor(trailers: Map<string, string>) {
    this.#trailers = trailers;
  }

  *decode(piece: Uint8Array): Generator<Uint8Array> {
    let at = 0;
    while (at < piece.length) {
      if (this.#state === 'data') {
        const end = Math.min(piece.length, at + this.#left);
        yield piece.subarray(at, end);
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#state = 'dataEnd';
        continue;
      }
      const end = piece.indexOf(LINE_FEED, at);
      const upTo = end < 0 ? piece.length : end;
      this.#line += Buffer.from(piece.buffer, piece.byteOffset + at, upTo - at).toString('latin1');
      if (this.#line.length > MAX_LINE_BYTES) throw new MalformedChunks('a chunk header is too long');
      at = upTo + 1;
      if (end < 0) return;
      const line = this.#line.trimEnd();
      this.#line = '';
      this.#takeLine(line);
    }
  }

  #takeLine(line: string): void {
    if (this.#state === 'head') {
      const size = /^([0-9a-fA-F]{1,12})(;.*)?$/.exec(line)?.[1];
      if (size === undefined) throw new MalformedChunks('a chunk does not begin with its length');
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailers' : 'data';
      return;
    }
    if (this.#state === 'dataEnd') {
      if (line !== '') throw new MalformedChunks('a chunk is longer than it says');
      this.#state = 'head';
      return;
    }
    if (line === '') {
      this.#state = 'done';
      return;
    }
    const colon = line.indexOf(':');
    if (colon < 0 || this.#trailers.size >= MAX_TRAILERS)
      throw new MalformedChunks('a trailer is not of the form name:value');
    this.#trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }

  end(): void {
    // Some clients leave out the empty line at the very end; anything before the last chunk is a cut body.
    if (this.#state !== 'done' && this.#state !== 'trailers')
      throw new MalformedChunks('the body ends within a chunk');
  }
}
