import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestRegion, type TestRegion } from './test-region.ts';

/** What a page in a browser makes it send: no page may read or change anything here, whatever name led it here. */

let home: TestRegion;
let port: string;
beforeAll(async () => {
  home = await startTestRegion();
  port = new URL(home.endpoint).port;
  await home.s3().send(new CreateBucketCommand({ Bucket: 'backups' }));
  await home.s3().send(new PutObjectCommand({ Bucket: 'backups', Key: 'disk', Body: 'bytes of a disk' }));
});
afterAll(() => home.dispose());

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

async function send({ method = 'GET', path = '/backups/disk', headers = {}, body = '' }: Sent) {
  const request = httpRequest({ host: '127.0.0.1', port, method, path, headers });
  request.end(body);
  const [response] = await once(request, 'response');
  const text: string = (await response.setEncoding('utf8').toArray()).join('');
  return { statusCode: response.statusCode, text };
}

describe('a name that is not this machine', () => {
  test.each([
    'attacker.example',
    'attacker.example:4566',
    '127.0.0.1.attacker.example',
    'localhost.attacker.example',
    'attacker-localhost',
    'localhost@attacker.example',
    '10.0.0.1',
  ])('%s is refused, and nothing is read', async (host) => {
    const answer = await send({ headers: { host } });
    expect(answer.statusCode).toBe(403);
    expect(answer.text).not.toContain('bytes of a disk');
  });

  test('is refused for the region itself, too', async () => {
    expect((await send({ path: '/_landfall/calls', headers: { host: 'attacker.example' } })).statusCode).toBe(
      403,
    );
  });
});

describe('a name of this machine', () => {
  test.each(['127.0.0.1', 'localhost', 'LOCALHOST', '[::1]'])('%s is answered', async (host) => {
    for (const named of [host, `${host}:${port}`, `${host}:80`]) {
      expect(await send({ headers: { host: named } })).toEqual({ statusCode: 200, text: 'bytes of a disk' });
    }
  });

  test('may have the bucket before it', async () => {
    for (const host of ['backups.localhost', `backups.localhost:${port}`]) {
      expect(await send({ path: '/disk', headers: { host } })).toEqual({
        statusCode: 200,
        text: 'bytes of a disk',
      });
    }
  });
});

describe('a web page', () => {
  const rule = JSON.stringify({ service: 's3', operation: 'GetObject', action: { kind: 'throttle' } });
  const createVolume = 'Action=CreateVolume&AvailabilityZone=us-east-1a&Size=1&Version=2016-11-15';
  const credential = 'X-Amz-Credential=key/20260101/us-east-1/ec2/aws4_request';

  test.each(['https://attacker.example', 'null', 'http://localhost:3000', 'http://127.0.0.1'])(
    'of %s adds no fault and makes no volume',
    async (origin) => {
      const headers = { origin, 'content-type': 'text/plain' };
      const fault = await send({ method: 'POST', path: '/_landfall/faults', headers, body: rule });
      expect(fault.statusCode).toBe(403);
      expect(home.region.faults.unhit()).toEqual([]);
      const volume = await send({ method: 'POST', path: `/?${credential}`, headers, body: createVolume });
      expect(volume.statusCode).toBe(403);
      expect(home.region.calls.entries({ service: 'ec2' })).toEqual([]);
    },
  );

  test.each(['cross-site', 'same-site', 'same-origin'])(
    'that asks for a call as an image (%s) makes none',
    async (site) => {
      const path = `/?${createVolume}&${credential}`;
      expect((await send({ path, headers: { 'sec-fetch-site': site } })).statusCode).toBe(403);
      expect(home.region.calls.entries({ service: 'ec2' })).toEqual([]);
    },
  );

  test('that a person opens is shown', async () => {
    const answer = await send({ path: '/_landfall/health', headers: { 'sec-fetch-site': 'none' } });
    expect(answer.statusCode).toBe(200);
  });
});
