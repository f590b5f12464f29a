import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { crc32 as zlibCrc32 } from 'node:zlib';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crc32, crc32c, crc64nvme } from '../../../local/s3/crc.ts';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

const Bucket = 'checked';
const MIB = 1024 * 1024;
let home: TestRegion;
let s3: S3Client;

beforeAll(async () => {
  home = await startTestRegion();
  s3 = home.s3();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => home.dispose());

const base64 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes.toString('base64');
};

describe('the cyclic checks', () => {
  const check = Buffer.from('123456789');

  // The check values of the catalogue of parametrised CRC algorithms (CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME).
  test('give the published check values', () => {
    expect(crc32.update(0n, check)).toBe(0xcbf43926n);
    expect(crc32c.update(0n, check)).toBe(0xe3069283n);
    expect(crc64nvme.update(0n, check)).toBe(0xae8b14860a799888n);
  });

  test.each([
    ['CRC32', crc32],
    ['CRC32C', crc32c],
    ['CRC64NVME', crc64nvme],
  ])('of %s, parts combine to the whole', (_name, crc) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(500), (bytes, cut) => {
        const a = bytes.subarray(0, cut);
        const b = bytes.subarray(cut);
        const whole = crc.update(0n, bytes);
        expect(crc.update(crc.update(0n, a), b)).toBe(whole);
        expect(crc.combine(crc.update(0n, a), crc.update(0n, b), b.length)).toBe(whole);
      }),
    );
    for (const length of [0, 1, 7, MIB - 1, MIB, 3 * MIB + 5]) {
      expect(crc.ofZeros(length)).toBe(crc.update(0n, Buffer.alloc(length)));
    }
  });
});

test.each([
  ['CRC32', (body: Buffer) => base64(zlibCrc32(body))],
  ['SHA1', (body: Buffer) => createHash('sha1').update(body).digest('base64')],
  ['SHA256', (body: Buffer) => createHash('sha256').update(body).digest('base64')],
] as const)('a %s that fits is kept and told, one that does not is refused', async (algorithm, digest) => {
  const Body = randomBytes(2 * MIB + 17);
  const member = `Checksum${algorithm}` as const;
  const expected = digest(Body);
  const put = await s3.send(new PutObjectCommand({ Bucket, Key: algorithm, Body, [member]: expected }));
  expect(put[member]).toBe(expected);
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: algorithm, ChecksumMode: 'ENABLED' }));
  expect(head[member]).toBe(expected);
  expect(head.ChecksumType).toBe('FULL_OBJECT');
  const wrong = digest(Buffer.from('something else'));
  await expect(
    s3.send(new PutObjectCommand({ Bucket, Key: 'never', Body, [member]: wrong })),
  ).rejects.toMatchObject({ name: 'BadDigest', $metadata: { httpStatusCode: 400 } });
  await expect(s3.send(new HeadObjectCommand({ Bucket, Key: 'never' }))).rejects.toMatchObject({
    name: 'NotFound',
  });
});

test('a wrong Content-MD5 is refused', async () => {
  const send = (md5: string) =>
    s3.send(new PutObjectCommand({ Bucket, Key: 'md5', Body: 'hello', ContentMD5: md5 }));
  await send('XUFAKrxLKna5cZ2REBfFkg==');
  await expect(send('AAAAKrxLKna5cZ2REBfFkg==')).rejects.toMatchObject({ name: 'BadDigest' });
});

test('a stream travels in chunks with its checksum behind it', async () => {
  const body = randomBytes(3 * MIB + 11);
  const pieces = [body.subarray(0, 5), body.subarray(5, MIB), body.subarray(MIB)];
  await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: 'streamed',
      Body: Readable.from(pieces),
      ContentLength: body.length,
    }),
  );
  const found = await s3.send(new GetObjectCommand({ Bucket, Key: 'streamed', ChecksumMode: 'ENABLED' }));
  expect(Buffer.from((await found.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
  expect(found.ContentEncoding).toBeUndefined();
  expect(found.ChecksumCRC32).toBe(base64(zlibCrc32(body)));
});

/** Sends a PUT with an aws-chunked body exactly as given; resolves with status and body of the answer. */
async function putChunked(key: string, body: string | Buffer, headers: Record<string, string>) {
  const answer = await fetch(`${home.endpoint}/${Bucket}/${key}`, {
    method: 'PUT',
    body: body as string,
    headers: { 'content-encoding': 'aws-chunked', ...headers },
  });
  return { status: answer.status, text: await answer.text() };
}

describe('aws-chunked bodies', () => {
  test('with signed chunks, as other SDKs send them', async () => {
    const signature = 'f'.repeat(64);
    const body = `5;chunk-signature=${signature}\r\nhello\r\n6;chunk-signature=${signature}\r\n world\r\n0;chunk-signature=${signature}\r\n\r\n`;
    const answer = await putChunked('signed', body, {
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'x-amz-decoded-content-length': '11',
    });
    expect(answer.status).toBe(200);
    const found = await s3.send(new GetObjectCommand({ Bucket, Key: 'signed' }));
    expect(await found.Body?.transformToString()).toBe('hello world');
  });

  const trailing = (checksum: string) => ({
    body: `b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:${checksum}\r\n\r\n`,
    headers: {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': '11',
      'x-amz-trailer': 'x-amz-checksum-crc32',
    },
  });

  test('with a checksum that fits behind them', async () => {
    // printf 'hello world' | crc32 → 0d4a1185
    const { body, headers } = trailing('DUoRhQ==');
    expect((await putChunked('trailing', body, headers)).status).toBe(200);
  });

  test('with a checksum that does not fit', async () => {
    const { body, headers } = trailing('AAAAAA==');
    const answer = await putChunked('trailing-wrong', body, headers);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('<Code>BadDigest</Code>');
  });

  test.each([
    ['a checksum announced and missing', 'b\r\nhello world\r\n0\r\n\r\n', 'InvalidRequest'],
    ['cut within a chunk', 'ff\r\nhello', 'IncompleteBody'],
    ['a chunk longer than it says', '3\r\nhello\r\n0\r\n\r\n', 'IncompleteBody'],
    ['no chunk at all', 'hello world', 'IncompleteBody'],
    ['shorter than announced', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', 'IncompleteBody'],
  ])('%s is refused', async (_what, body, code) => {
    const answer = await putChunked('broken', body, trailing('').headers);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(`<Code>${code}</Code>`);
  });
});

test('a client that hangs up in the middle leaves nothing', async () => {
  const { port } = new URL(home.endpoint);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(`PUT /${Bucket}/cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n`);
  socket.write(randomBytes(500_000), () => socket.destroy());
  await expect
    .poll(() => home.region.calls.entries({ operation: 'PutObject' }).at(-1)?.resources)
    .toEqual([Bucket, 'cut']);
  await expect(s3.send(new HeadObjectCommand({ Bucket, Key: 'cut' }))).rejects.toMatchObject({
    name: 'NotFound',
  });
});

test('a body of unknown length is refused', async () => {
  const answer = await fetch(`${home.endpoint}/${Bucket}/unknown`, {
    method: 'PUT',
    body: new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('x'));
        controller.close();
      },
    }),
    duplex: 'half',
  } as RequestInit);
  expect(answer.status).toBe(411);
  expect(await answer.text()).toContain('<Code>MissingContentLength</Code>');
});

describe('multipart uploads', () => {
  const bodies = [randomBytes(5 * MIB), randomBytes(MIB + 1)];

  async function upload(
    Key: string,
    options: { ChecksumAlgorithm?: 'CRC32' | 'SHA256'; ChecksumType?: 'FULL_OBJECT' },
  ) {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...options }));
    const Parts = [];
    for (const [i, Body] of bodies.entries()) {
      const answer = await s3.send(
        new UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber: i + 1,
          Body,
          ChecksumAlgorithm: options.ChecksumAlgorithm,
        }),
      );
      const { ETag, ChecksumCRC32, ChecksumSHA256 } = answer;
      Parts.push({ PartNumber: i + 1, ETag, ChecksumCRC32, ChecksumSHA256 });
    }
    return { UploadId, Parts };
  }
  const finish = (Key: string, UploadId: string | undefined, Parts: object[]) =>
    s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));

  test('of the composite kind have a checksum of checksums, and want them at completion', async () => {
    const { UploadId, Parts } = await upload('composite', { ChecksumAlgorithm: 'SHA256' });
    const withoutChecksums = Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
    await expect(finish('composite', UploadId, withoutChecksums)).rejects.toMatchObject({
      name: 'InvalidRequest',
    });
    const done = await finish('composite', UploadId, Parts);
    const digests = bodies.map((body) => createHash('sha256').update(body).digest());
    expect(done.ChecksumSHA256).toBe(
      `${createHash('sha256').update(Buffer.concat(digests)).digest('base64')}-2`,
    );
    expect(done.ChecksumType).toBe('COMPOSITE');
  });

  test('of the full kind have the checksum of the whole object', async () => {
    const { UploadId, Parts } = await upload('full', {
      ChecksumAlgorithm: 'CRC32',
      ChecksumType: 'FULL_OBJECT',
    });
    const done = await finish('full', UploadId, Parts);
    expect(done.ChecksumCRC32).toBe(base64(zlibCrc32(Buffer.concat(bodies))));
  });

  test('refuse parts with a checksum of another kind', async () => {
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket, Key: 'mixed', ChecksumAlgorithm: 'SHA256' }),
    );
    const mixed = s3.send(
      new UploadPartCommand({
        Bucket,
        Key: 'mixed',
        UploadId,
        PartNumber: 1,
        Body: 'x',
        ChecksumAlgorithm: 'CRC32',
      }),
    );
    await expect(mixed).rejects.toMatchObject({ name: 'InvalidRequest' });
  });
});
