// How fast the local region's S3 moves bytes: `node bench/local-s3.ts`. The region and its client share one process
// (and one thread), as they do in tests, so the client's own work is part of every figure.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startRegion } from '../local/region.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 32 * MIB;
/** Keys are written over and over, as memory that a virtual machine touches for the first time costs much more. */
const KEYS = 16;
const BODIES = 48;
const CONCURRENCY = 4;

const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-bench-'));
const region = await startRegion({ stateFolder, port: 0 });
const client = new S3Client({
  endpoint: region.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
});

async function measure(what: string, action: (index: number) => Promise<unknown>): Promise<void> {
  const started = performance.now();
  const cpu = process.cpuUsage();
  let next = 0;
  const work = async () => {
    while (next < BODIES) {
      const index = next;
      next += 1;
      await action(index % KEYS);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const rate = Math.round((BODIES * BODY_BYTES) / MIB / seconds);
  const cores = ((user + system) / 1e6 / seconds).toFixed(2);
  console.log(`${what.padEnd(44)} ${String(rate).padStart(6)} MiB/s  ${cores} cores`);
}

async function drain(body: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of body) length += chunk.length;
  return length;
}

try {
  await region.services.s3.operations.CreateBucket?.(
    { Bucket: 'bench' },
    { requestId: '', caller: '', effects: {}, signal: AbortSignal.timeout(60_000) },
  );
  const random = randomBytes(BODY_BYTES);
  const zeros = Buffer.alloc(BODY_BYTES);
  const put = (Body: Uint8Array, name: string) => (i: number) =>
    client.send(new PutObjectCommand({ Bucket: 'bench', Key: `${name}-${i}`, Body }));
  const get = (name: string) => async (i: number) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'bench', Key: `${name}-${i}` }));
    // In Node a body is a Readable, which the SDK's type for all platforms does not promise.
    return drain(Body as unknown as AsyncIterable<Uint8Array>);
  };
  // Not fetch: it copies bodies before it sends them.
  const rawPut = (body: Uint8Array, name: string) => async (i: number) => {
    const headers = { 'content-length': body.length };
    const request = httpRequest(`${region.endpoint}/bench/${name}-${i}`, { method: 'PUT', headers });
    request.end(body);
    const [response] = await once(request, 'response');
    await drain(response);
  };
  const rawGet = (name: string) => async (i: number) => {
    const { body } = await fetch(`${region.endpoint}/bench/${name}-${i}`);
    return body ? drain(body) : 0;
  };
  console.log(`${BODIES} bodies of ${BODY_BYTES / MIB} MiB, ${CONCURRENCY} at a time`);
  await measure('(warming up)', put(random, 'sdk'));
  await measure('PUT random, SDK (CRC-32, signed payload)', put(random, 'sdk'));
  await measure('GET random, SDK (CRC-32 checked)', get('sdk'));
  await measure('PUT zeros, SDK', put(zeros, 'zeros'));
  await measure('GET zeros, SDK', get('zeros'));
  await measure('PUT random, plain HTTP', rawPut(random, 'sdk'));
  await measure('GET random, plain HTTP', rawGet('sdk'));
} finally {
  client.destroy();
  await region.stop();
  await rm(stateFolder, { recursive: true, force: true });
}
