import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createRepository,
  makeS3Client,
  makeS3Store,
  openRepository,
  parseS3Url,
  verify,
} from '../../core/repository/index.ts';
import type { Store } from '../../core/repository/store.ts';
import { startRegion } from '../../local/region.ts';
import { BLOCK, backUpDisks, bytesOf, drawn, noise, openDiskOf } from './machines.ts';
import { describeStoreContract } from './store-contract.ts';

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const clientFor = (endpoint: string, maxAttempts = 1) =>
  makeS3Client({ endpoint, region: 'us-east-1', credentials, maxAttempts });

describeStoreContract('a bucket', async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-s3-'));
  const region = await startRegion({ stateFolder, port: 0, timeScale: 0.001 });
  const client = clientFor(region.endpoint, 5);
  await client.send(new CreateBucketCommand({ Bucket: 'contract' }));
  return {
    store: makeS3Store({ client, bucket: 'contract', prefix: 'some/prefix/' }),
    other: makeS3Store({ client: clientFor(region.endpoint, 5), bucket: 'contract', prefix: 'some/prefix' }),
    async stop() {
      client.destroy();
      await region.stop();
      await rm(stateFolder, { recursive: true });
    },
  };
});

test('a repository in a bucket: backed up, backed up again, verified, restored', async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-s3-'));
  const region = await startRegion({ stateFolder, port: 0, timeScale: 0.001 });
  const client = clientFor(region.endpoint, 5);
  try {
    await client.send(new CreateBucketCommand({ Bucket: 'repository' }));
    const repository = await createRepository(
      makeS3Store({ client, bucket: 'repository', prefix: 'machines' }),
    );
    // 20 MiB that do not compress: two packs.
    const disk = Buffer.concat([
      drawn('..ab' + '....'),
      ...Array.from({ length: 40 }, (_, nth) => noise(nth)),
    ]);
    // S3 throttles, breaks down, and does as told but never says so: with every kind of object.
    const keyHas = (text: string) => (input: Record<string, unknown>) => String(input.Key).includes(text);
    const put = { service: 's3', operation: 'PutObject' };
    const faults = ['packs/', 'segments/', 'disks/', 'restore-points/'].map((text) =>
      region.faults.add({ ...put, when: keyHas(text), action: { kind: 'loseAnswer' } }),
    );
    faults.push(
      region.faults.add({ ...put, when: keyHas('segments/'), skip: 2, action: { kind: 'throttle' } }),
      region.faults.add({
        ...put,
        action: { kind: 'error', code: 'InternalError', message: 'as told', statusCode: 500 },
      }),
      region.faults.add({ service: 's3', operation: 'ListObjectsV2', action: { kind: 'loseAnswer' } }),
    );
    const first = await backUpDisks(repository, { root: disk });
    expect(first.stats).toMatchObject({ packsWritten: expect.any(Number), damaged: [] });
    expect(faults.map(({ hits }) => hits)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    const changed = Buffer.from(disk);
    changed.write('changed', 30 * BLOCK);
    const { restorePoint, stats } = await backUpDisks(
      repository,
      { root: changed },
      { time: '2026-12-01T00:00:00Z' },
    );
    expect(stats).toMatchObject({
      packsWritten: 1,
      segmentsWritten: 1,
      reusedBytes: 41 * BLOCK,
      damaged: [],
    });
    const elsewhere = await openRepository(
      makeS3Store({ client: clientFor(region.endpoint), bucket: 'repository', prefix: 'machines' }),
    );
    expect((await bytesOf(await openDiskOf(elsewhere, restorePoint))).equals(changed)).toBe(true);
    expect((await verify(elsewhere)).findings).toEqual([]);
  } finally {
    client.destroy();
    await region.stop();
    await rm(stateFolder, { recursive: true });
  }
});

/** What S3 rarely does, done on purpose by a server that answers what it is told to. */
describe('an S3 store, when S3 is difficult', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  const storeOn = async (answer: RequestListener, maxAttempts = 3): Promise<Store> => {
    const started = createServer(answer);
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    const { port } = started.address() as AddressInfo;
    return makeS3Store({ client: clientFor(`http://127.0.0.1:${port}`, maxAttempts), bucket: 'bucket' });
  };
  const error = (code: string) => `<Error><Code>${code}</Code><Message>as told</Message></Error>`;
  const answering = (...answers: [status: number, body: string][]) => {
    const seen: { method?: string; url?: string; headers: Record<string, unknown> }[] = [];
    const listener: RequestListener = (request, response) => {
      request.resume().on('end', () => {
        const [status, body] = answers[Math.min(seen.length, answers.length - 1)] ?? [500, ''];
        seen.push({ method: request.method, url: request.url, headers: request.headers });
        response
          .writeHead(status, { 'content-type': 'application/xml', 'content-length': body.length })
          .end(body);
      });
    };
    return { seen, listener };
  };

  test('a conflict of conditional puts is tried again until it is decided', async () => {
    const conflict: [number, string] = [409, error('ConditionalRequestConflict')];
    const { seen, listener } = answering(conflict, conflict, [412, error('PreconditionFailed')]);
    const store = await storeOn(listener);
    expect(await store.put('key', Buffer.from('x'), { ifAbsent: true })).toBe('exists');
    expect(seen).toHaveLength(3);
    expect(seen.map(({ headers }) => headers['if-none-match'])).toEqual(['*', '*', '*']);
  });

  test('a put without condition asks for none', async () => {
    const { seen, listener } = answering([200, '']);
    expect(await (await storeOn(listener)).put('a/b', Buffer.from('x'))).toBe('written');
    expect(seen).toMatchObject([{ method: 'PUT', url: expect.stringMatching(/^\/bucket\/a\/b\b/) }]);
    expect(seen[0]?.headers).not.toHaveProperty('if-none-match');
  });

  test('an answer that was lost makes the second try say that it exists', async () => {
    let tries = 0;
    const store = await storeOn((request, response) => {
      request.resume().on('end', () => {
        tries += 1;
        // Carried out, but the connection is cut before the answer.
        if (tries === 1) response.destroy();
        else response.writeHead(412, { 'content-type': 'application/xml' }).end(error('PreconditionFailed'));
      });
    });
    expect(await store.put('key', Buffer.from('x'), { ifAbsent: true })).toBe('exists');
    expect(tries).toBe(2);
  });

  test('a body that breaks off is asked for again, whole', async () => {
    const content = Buffer.alloc(100_000, 'content ');
    let tries = 0;
    const store = await storeOn((_request, response) => {
      tries += 1;
      response.writeHead(206, { 'content-length': content.length });
      if (tries < 3) response.write(content.subarray(0, 50_000), () => response.destroy());
      else response.end(content);
    });
    expect(content.equals(await store.get('key', { offset: 8, length: content.length }))).toBe(true);
    expect(tries).toBe(3);
  });

  test('a body that always breaks off is a failure that may pass', async () => {
    const store = await storeOn((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('not all', () => response.destroy());
    });
    await expect(store.get('key')).rejects.toMatchObject({ name: 'StoreFailed', retryable: true });
  });

  test('causes are told apart by status and code', async () => {
    const cases: [number, string, Record<string, unknown>][] = [
      [404, 'NoSuchKey', { name: 'ObjectNotFound', key: 'key' }],
      [404, 'NoSuchBucket', { name: 'StoreNotFound', message: 'there is no bucket bucket' }],
      [403, 'AccessDenied', { name: 'StoreAccessDenied' }],
      [416, 'InvalidRange', { name: 'ObjectTooShort' }],
      [400, 'InvalidRequest', { name: 'StoreFailed', retryable: false }],
      [400, 'ExpiredToken', { name: 'StoreFailed', retryable: true }],
      [400, 'RequestTimeout', { name: 'StoreFailed', retryable: true }],
      [503, 'SlowDown', { name: 'StoreFailed', retryable: true }],
    ];
    for (const [status, code, expected] of cases) {
      const { listener } = answering([status, error(code)]);
      const store = await storeOn(listener, 1);
      await expect(store.get('key', { offset: 5, length: 5 }), code).rejects.toMatchObject(expected);
      server?.close();
    }
  });

  test('what S3 could not delete is an error', async () => {
    const body = `<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`;
    const { listener } = answering([200, body]);
    await expect((await storeOn(listener)).delete(['a', 'b'])).rejects.toMatchObject({
      name: 'StoreFailed',
      message: expect.stringContaining('AccessDenied'),
    });
  });

  test('a server that never answers is given up when the signal says so', async () => {
    const stop = new AbortController();
    const store = await storeOn(() => stop.abort(new Error('enough')));
    await expect(store.get('key', { signal: stop.signal })).rejects.toThrow('enough');
  });

  test('a body that never ends is given up when the signal says so', async () => {
    const stop = new AbortController();
    const store = await storeOn((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('a little', () => setTimeout(() => stop.abort(new Error('enough')), 20));
    });
    await expect(store.get('key', { signal: stop.signal })).rejects.toThrow('enough');
  });
});

describe('the client that the S3 store relies on', () => {
  test('has every timeout, and a limit of attempts', async () => {
    const client = makeS3Client({ region: 'us-east-1', credentials });
    expect(await client.config.maxAttempts()).toBe(5);
    // Not a public member, but waiting for the timeouts themselves would take minutes.
    const handler = client.config.requestHandler as unknown as {
      configProvider: Promise<Record<string, unknown>>;
    };
    expect(await handler.configProvider).toMatchObject({
      connectionTimeout: 5_000,
      socketTimeout: 30_000,
      requestTimeout: 120_000,
      throwOnRequestTimeout: true,
    });
  });
});

describe('URLs of buckets', () => {
  test('are taken apart', () => {
    expect(parseS3Url('s3://my-bucket')).toEqual({ bucket: 'my-bucket', prefix: '' });
    expect(parseS3Url('s3://my-bucket/')).toEqual({ bucket: 'my-bucket', prefix: '' });
    expect(parseS3Url('s3://my.bucket/a/b')).toEqual({ bucket: 'my.bucket', prefix: 'a/b' });
    expect(parseS3Url('s3://my.bucket/a/b/')).toEqual({ bucket: 'my.bucket', prefix: 'a/b' });
  });

  test.each([
    '',
    'my-bucket',
    's3://',
    's3:///a',
    's3://UPPER/a',
    's3://bucket//a',
    's3://bucket/../a',
    'http://bucket/a',
    's3://bu',
  ])('of another form are refused: "%s"', (url) =>
    expect(() => parseS3Url(url)).toThrow(expect.objectContaining({ name: 'InvalidKey' })),
  );

  test('a store says where it is', () => {
    const client = clientFor('http://127.0.0.1:9');
    expect(makeS3Store({ client, bucket: 'b-1', prefix: 'x/y/' }).url).toBe('s3://b-1/x/y');
    expect(makeS3Store({ client, bucket: 'b-1' }).url).toBe('s3://b-1');
  });
});
