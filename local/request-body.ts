import type { IncomingMessage } from 'node:http';
import { decodeAwsChunked } from './protocols/aws-chunked.ts';
import type { RequestBody } from './protocols/http-message.ts';

/** The body of a request, with the aws-chunked encoding taken off where it has it. */
export function makeRequestBody(request: IncomingMessage): RequestBody {
  const trailers = new Map<string, string>();
  const announcedTrailers = namesIn(request.headers['x-amz-trailer']);
  if (!isAwsChunked(request)) {
    return {
      announcedLength: lengthHeader(request, 'content-length'),
      announcedTrailers,
      trailers,
      [Symbol.asyncIterator]: () => piecesOf(request),
    };
  }
  return {
    announcedLength: lengthHeader(request, 'x-amz-decoded-content-length'),
    announcedTrailers,
    trailers,
    [Symbol.asyncIterator]: () =>
      decodeAwsChunked({ [Symbol.asyncIterator]: () => piecesOf(request) }, trailers),
  };
}

/** Not `for await` on the request itself: leaving that loop early destroys the socket, and the answer with it. */
function piecesOf(request: IncomingMessage): AsyncIterableIterator<Uint8Array> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
}

function isAwsChunked(request: IncomingMessage): boolean {
  const { 'content-encoding': encoding = '', 'x-amz-content-sha256': digest = '' } = request.headers;
  return (
    encoding.split(',').some((name) => name.trim() === 'aws-chunked') ||
    String(digest).startsWith('STREAMING-')
  );
}

function namesIn(header: string | string[] | undefined): string[] {
  const names = String(header ?? '').split(',');
  return names.map((name) => name.trim().toLowerCase()).filter((name) => name !== '');
}

function lengthHeader(request: IncomingMessage, name: string): number | undefined {
  const text = request.headers[name];
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
