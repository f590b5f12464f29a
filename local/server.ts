import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireAnswer, WireRequest } from './protocols/http-message.ts';
import { isAnswerBody } from './protocols/http-message.ts';
import { makeRequestBody } from './request-body.ts';
import { refusalOfWebPage } from './web-pages.ts';

/** What becomes of a request: an answer, or the connection is cut without one. */
export type Outcome = { readonly kind: 'answer'; readonly answer: WireAnswer } | CutOutcome;

/** The connection is cut; an answer that was ready is thrown away. */
export interface CutOutcome {
  readonly kind: 'cut';
  readonly unsent?: WireAnswer;
}

export interface HttpServerOptions {
  readonly port: number;
  /** Carries a request out; `signal` is aborted when the client hangs up. Must not throw for anything a client sends. */
  handle(request: WireRequest, signal: AbortSignal): Promise<Outcome>;
  /** Told of mistakes of ours that a client only sees as a cut connection. */
  log(line: string): void;
}

export interface HttpServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Signed URLs and object metadata (2 KiB) make long headers; Node's default limit is 16 KiB. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Longer than any pause of an SDK between calls, so that it never sends into a connection we just closed. */
const KEEP_ALIVE_MS = 600_000;
/** A rest of an unread body up to here is read away so that the connection can go on; more is cut off. */
const MAX_DRAINED_BYTES = 64 * 1024 * 1024;

/** Serves HTTP on the loopback interface only, and not to web pages: the region trusts whoever reaches it. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const serving = new Set<Promise<void>>();
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, noDelay: true }, (request, response) => {
    const one = serve(options, request, response)
      .catch((error) => {
        options.log(`answering ${request.method} ${request.url} failed: ${String(error)}`);
        response.destroy();
      })
      .finally(() => serving.delete(one));
    serving.add(one);
  });
  // Uploads and held calls may take any time; only the headers have to come promptly.
  server.requestTimeout = 0;
  server.timeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => close(server, serving) };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** How long a stop waits for calls under way: their connections are cut, so they are over at once unless stuck. */
const STOP_MS = 10_000;

/** Cuts every connection and waits for the calls under way, so that none changes anything after the stop. */
async function close(server: Server, serving: ReadonlySet<Promise<void>>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await closed;
  const deadline = new AbortController();
  await Promise.race([
    Promise.all(serving),
    sleep(STOP_MS, undefined, { signal: deadline.signal }).catch(() => {}),
  ]);
  deadline.abort();
}

async function serve(
  options: HttpServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const hangUp = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) hangUp.abort(new ClientGone('the client has hung up'));
  });
  // A reset connection is reported here and by `close`: the latter is enough.
  request.on('error', () => {});
  response.on('error', () => {});
  const refusal = refusalOfWebPage(request.headers);
  const outcome =
    refusal === undefined
      ? await options.handle(wireRequest(request), hangUp.signal)
      : refusedOutcome(refusal);
  const answer = outcome.kind === 'cut' ? outcome.unsent : outcome.answer;
  try {
    if (response.destroyed) return;
    if (outcome.kind === 'cut') {
      request.socket.destroy();
      return;
    }
    if (!(await drain(request))) return;
    await send(outcome.answer, request.method === 'HEAD', response);
  } finally {
    if (isAnswerBody(answer?.body)) await answer.body.close();
  }
}

function refusedOutcome(message: string): Outcome {
  const body = `${JSON.stringify({ message })}\n`;
  return {
    kind: 'answer',
    answer: { statusCode: 403, headers: { 'content-type': 'application/json' }, body },
  };
}

class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

function wireRequest(request: IncomingMessage): WireRequest {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const hostBucket = bucketOfHost(request.headers.host ?? '');
  return {
    method: request.method ?? 'GET',
    path: hostBucket === undefined ? path : `/${hostBucket}${path}`,
    query: mark < 0 ? [] : [...new URLSearchParams(url.slice(mark + 1))],
    headers: request.headers,
    body: makeRequestBody(request),
  };
}

/** Clients that were given `http://localhost:…` put the bucket into the host: `bucket.localhost`. */
function bucketOfHost(host: string): string | undefined {
  return /^(.+)\.localhost(:\d+)?$/.exec(host)?.[1];
}

/**
 * Reads what the handler left of the body, as most clients read the answer only after they have sent it all.
 * False when the client hung up meanwhile.
 */
async function drain(request: IncomingMessage): Promise<boolean> {
  let drained = 0;
  try {
    for await (const piece of request.iterator({ destroyOnReturn: false })) {
      drained += piece.length;
      if (drained > MAX_DRAINED_BYTES) break;
    }
    return true;
  } catch (error) {
    if (isHangUp(error)) return false;
    throw error;
  }
}

/** How Node reports a request whose client went away in the middle of it. */
export function isHangUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

async function send(answer: WireAnswer, headOnly: boolean, response: ServerResponse): Promise<void> {
  const { statusCode, headers, body } = answer;
  const length = isAnswerBody(body) ? body.length : Buffer.byteLength(body);
  const hasBody = statusCode !== 204 && statusCode !== 304;
  response.writeHead(statusCode, {
    ...(hasBody ? { 'content-length': String(length) } : {}),
    date: new Date().toUTCString(),
    server: 'LandfallLocalRegion',
    ...headers,
  });
  if (headOnly || !hasBody) {
    response.end();
    return;
  }
  if (!isAnswerBody(body)) {
    response.end(body);
    return;
  }
  for await (const chunk of body.chunks()) {
    if (!(await written(response, chunk))) return;
  }
  response.end();
}

/** Resolves when the piece has left our buffer (true), or the connection is gone (false). */
function written(response: ServerResponse, chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const gone = () => resolve(false);
    response.once('close', gone);
    response.write(chunk, (error) => {
      response.off('close', gone);
      resolve(!error);
    });
  });
}
