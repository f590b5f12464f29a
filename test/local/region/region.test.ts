import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DescribeSnapshotsCommand } from '@aws-sdk/client-ec2';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findRunningRegion, StateFolderInUse, startRegion } from '../../../local/region.ts';
import { startTestRegion, type TestRegion } from './test-region.ts';

let home: TestRegion;

beforeAll(async () => {
  home = await startTestRegion();
});
afterAll(async () => {
  expect(home.logged).toEqual([]);
  await home.dispose();
});

/** A call as a client signs it; the region reads the service from the credential's scope and verifies nothing. */
function call(service: string, init: RequestInit & { readonly path?: string } = {}) {
  const authorization = `AWS4-HMAC-SHA256 Credential=key/20300101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  return fetch(`${home.endpoint}${init.path ?? '/'}`, {
    ...init,
    headers: { authorization, ...init.headers },
  });
}
const form = (service: string, body: string) =>
  call(service, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });

describe('what does not fit is answered in the way of its protocol', () => {
  test.each([
    ['Action=DescribeVolumes&Colour=red', 'UnknownParameter', 'The parameter Colour is not recognized'],
    [
      'Action=AttachVolume&VolumeId=vol-1',
      'MissingParameter',
      'The request must contain the parameter Device',
    ],
    [
      'Action=DescribeVolumes&MaxResults=many',
      'InvalidParameterValue',
      'Value (many) is not a number for parameter MaxResults',
    ],
    [
      'Action=DescribeVolumes&VolumeId=vol-1',
      'InvalidParameterValue',
      'The parameter VolumeId is a list: name its items .1, .2… for parameter VolumeId',
    ],
    ['Action=FlyToTheMoon', 'InvalidAction', 'The action FlyToTheMoon is not valid for this web service.'],
    [
      'Action=CreateCapacityReservation&InstanceCount=1&InstancePlatform=Linux&InstanceType=t3.micro',
      'InvalidAction',
      'CreateCapacityReservation of ec2 is not simulated in the local region (docs/local-region.md)',
    ],
    ['', 'MissingAction', 'The request names no Action'],
  ])('EC2: %s', async (body, code, message) => {
    const answer = await form('ec2', body);
    expect(answer.status).toBe(400);
    const id = answer.headers.get('x-amzn-requestid');
    expect(await answer.text()).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>${id}</RequestID></Response>`,
    );
  });

  test('the other query services', async () => {
    const answer = await form('sts', 'Action=AssumeRole&RoleArn=x');
    expect(answer.status).toBe(400);
    expect(await answer.text()).toMatch(
      /<ErrorResponse xmlns="https:\/\/sts.amazonaws.com\/doc\/2011-06-15\/"><Error><Type>Sender<\/Type><Code>ValidationError<\/Code><Message>The parameter RoleSessionName is required<\/Message><\/Error><RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/,
    );
  });

  test.each([
    ['no JSON', '{', 'SerializationException'],
    ['a list for an object', '[]', 'SerializationException'],
    ['a number for a string', '{"stateMachineArn":5}', 'SerializationException'],
    ['a field missing', '{}', 'ValidationException'],
  ])('JSON 1.0: %s', async (_what, body, code) => {
    const answer = await call('states', {
      method: 'POST',
      body,
      headers: {
        'x-amz-target': 'AWSStepFunctions.StartExecution',
        'content-type': 'application/x-amz-json-1.0',
      },
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('x-amzn-errortype')).toBe(code);
    expect(await answer.json()).toMatchObject({ __type: code, message: expect.any(String) });
  });

  test('JSON 1.0: an operation that does not exist', async () => {
    const answer = await call('states', {
      method: 'POST',
      headers: { 'x-amz-target': 'AWSStepFunctions.Fly' },
      body: '{}',
    });
    expect(await answer.json()).toMatchObject({ __type: 'UnknownOperationException' });
  });

  test('REST-JSON: a path that is none', async () => {
    const answer = await call('lambda', { path: '/2015-03-31/nonsense' });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('x-amzn-errortype')).toBe('UnknownOperationException');
  });

  const tagging = (tag: string) => `<Tagging><TagSet><Tag>${tag}</Tag></TagSet></Tagging>`;
  test.each([
    ['a document cut short', '/bucket?tagging', '<Tagging><TagSet><Tag><Key>a</Key>', 'MalformedXML'],
    [
      'an element unknown',
      '/bucket?tagging',
      tagging('<Key>a</Key><Value>b</Value><Hue>c</Hue>'),
      'MalformedXML',
    ],
    ['an element missing', '/bucket?tagging', tagging('<Value>b</Value>'), 'MalformedXML'],
    [
      'an element twice',
      '/bucket?tagging',
      tagging('<Key>a</Key><Key>b</Key><Value>c</Value>'),
      'MalformedXML',
    ],
    [
      'an entity defined',
      '/bucket?tagging',
      '<!DOCTYPE a [<!ENTITY x "y">]><Tagging>&x;</Tagging>',
      'MalformedXML',
    ],
    ['a very deep document', '/bucket?tagging', '<a>'.repeat(5_000), 'MalformedXML'],
    ['no document', '/bucket?tagging', '', 'MalformedXML'],
    ['a number that is none', '/bucket/key?uploadId=u&partNumber=one', 'x', 'InvalidArgument'],
    ['a method that is none', '/?versions', 'x', 'MethodNotAllowed'],
    ['what is not simulated', '/bucket?accelerate', '<AccelerateConfiguration/>', 'NotImplemented'],
  ])('S3: %s', async (_what, path, body, code) => {
    const answer = await fetch(`${home.endpoint}${path}`, { method: 'PUT', body });
    expect(answer.status).toBe({ MethodNotAllowed: 405, NotImplemented: 501 }[code] ?? 400);
    expect(await answer.text()).toMatch(
      new RegExp(`^<\\?xml version="1.0" encoding="UTF-8"\\?>\n<Error><Code>${code}</Code>`),
    );
  });

  test('a service that is none', async () => {
    const answer = await call('dynamodb', { method: 'POST', body: '{}' });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ __type: 'UnknownService' });
    expect(home.region.calls.entries({ service: 'dynamodb' })).toMatchObject([{ result: 'UnknownService' }]);
  });
});

describe('nothing that a client sends stops the region', () => {
  const raw = (bytes: string | Buffer) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(home.endpoint).port), '127.0.0.1');
      let answer = '';
      socket.on('data', (piece) => {
        answer += piece;
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(answer));
      socket.end(bytes);
    });

  test.each([
    ['noise', Buffer.from([0, 1, 2, 3, 255, 254])],
    ['a header without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(200_000)}`],
    [
      'two content lengths',
      'PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
    ],
    [
      'a path of percent signs',
      'GET /%%%/%zz?%%=%% HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ],
    ['a negative length', 'PUT /b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n'],
    ['an absolute target', 'GET http://other/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'],
    ['a half request', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nAction='],
  ])('%s', async (_what, bytes) => {
    await raw(bytes);
    expect((await home.sts().send(new GetCallerIdentityCommand({}))).Account).toBe('123456789012');
  });

  test('a body larger than any input is refused', async () => {
    const answer = await form('ec2', `Action=DescribeVolumes&X=${'x'.repeat(9 * 1024 * 1024)}`);
    expect(answer.status).toBe(400);
  });

  test('many that hang up before their answer', async () => {
    const url = new URL(home.endpoint);
    for (let i = 0; i < 50; i += 1) {
      const request = httpRequest({ port: url.port, host: url.hostname, method: 'POST', path: '/' });
      request.on('error', () => {});
      request.write('Action=');
      request.destroy();
    }
    expect((await home.sts().send(new GetCallerIdentityCommand({}))).Account).toBe('123456789012');
  });
});

describe('the call log', () => {
  test('tells who called what on which resources, with what result', async () => {
    const s3 = home.s3();
    await s3.send(new CreateBucketCommand({ Bucket: 'logged' }));
    await s3.send(new PutObjectCommand({ Bucket: 'logged', Key: 'a/b', Body: 'secret bytes' }));
    await expect(s3.send(new GetObjectCommand({ Bucket: 'logged', Key: 'none' }))).rejects.toThrow();
    const calls = home.region.calls.entries({ service: 's3' }).slice(-3);
    expect(calls).toMatchObject([
      { operation: 'CreateBucket', resources: ['logged'], result: 'ok', caller: 'anonymous' },
      { operation: 'PutObject', resources: ['logged', 'a/b'], result: 'ok', caller: 'anonymous' },
      { operation: 'GetObject', resources: ['logged', 'none'], result: 'NoSuchKey', caller: 'anonymous' },
    ]);
    expect(JSON.stringify(calls)).not.toContain('secret bytes');
  });

  test('keeps no payloads', async () => {
    const machine = 'arn:aws:states:us-east-1:123456789012:stateMachine:none';
    const short = JSON.stringify({ text: 'a'.repeat(1000) });
    const long = JSON.stringify({ text: 'secret'.repeat(200) });
    for (const input of [short, long]) {
      const started = home.states().send(new StartExecutionCommand({ stateMachineArn: machine, input }));
      await expect(started).rejects.toThrow();
    }
    expect(home.region.calls.entries({ operation: 'StartExecution' }).slice(-2)).toMatchObject([
      { resources: [machine], input: { stateMachineArn: machine, input: short } },
      { resources: [machine], input: { stateMachineArn: machine, input: '(1211 characters, not kept)' } },
    ]);

    await form('ec2', `Action=CreateTags&ResourceId.1=vol-1&Tag.1.Key=Name&Tag.1.Value=${'b'.repeat(1025)}`);
    expect(home.region.calls.entries({ operation: 'CreateTags' }).at(-1)?.input).toMatchObject({
      Resources: ['vol-1'],
      Tags: [{ Key: 'Name', Value: '(1025 characters, not kept)' }],
    });
  });

  test('knows function and execution from the trace header', async () => {
    const execution = 'arn:aws:states:us-east-1:123456789012:execution:Restore:r-1';
    await fetch(`${home.endpoint}/some-bucket`, {
      method: 'HEAD',
      headers: { 'x-amzn-trace-id': `Root=1-0-0;Function=Plan;Execution=${encodeURIComponent(execution)}` },
    });
    expect(home.region.calls.entries({ caller: 'Plan' })).toMatchObject([
      { operation: 'HeadBucket', execution },
    ]);
  });

  test('names ids in lists, not tags and filters', async () => {
    await form('ec2', 'Action=CreateTags&ResourceId.1=vol-1&ResourceId.2=i-2&Tag.1.Key=Name&Tag.1.Value=web');
    expect(home.region.calls.entries({ operation: 'CreateTags' }).at(-1)?.resources).toEqual([
      'vol-1',
      'i-2',
    ]);
  });

  test('is answered over HTTP and kept in a file', async () => {
    await home.sts().send(new GetCallerIdentityCommand({}));
    const answer = await fetch(`${home.endpoint}/_landfall/calls?operation=GetCallerIdentity&last=1`);
    const [entry] = (await answer.json()) as Record<string, unknown>[];
    expect(entry).toMatchObject({ service: 'sts', operation: 'GetCallerIdentity', result: 'ok' });
    await expect
      .poll(async () => readFile(join(home.stateFolder, 'calls.jsonl'), 'utf8'))
      .toContain(String(entry?.requestId));
  });
});

describe('a state folder', () => {
  test('is found with the region that runs on it, and belongs to it alone', async () => {
    expect(await findRunningRegion(home.stateFolder)).toEqual({ endpoint: home.endpoint, pid: process.pid });
    await expect(startRegion({ stateFolder: home.stateFolder, port: 0 })).rejects.toThrow(StateFolderInUse);
  });

  test('that is new is for its owner alone; one that is there stays as it is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landfall-region-'));
    const modeAfterStart = async (stateFolder: string) => {
      await (await startRegion({ stateFolder, port: 0 })).stop();
      return (await stat(stateFolder)).mode & 0o777;
    };
    try {
      expect(await modeAfterStart(join(folder, 'new'))).toBe(0o700);
      await chmod(folder, 0o755);
      expect(await modeAfterStart(folder)).toBe(0o755);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('of a region that has stopped is free again', async () => {
    const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-region-'));
    try {
      const region = await startRegion({ stateFolder, port: 0 });
      await Promise.all([region.stop(), region.stop()]);
      expect(await findRunningRegion(stateFolder)).toBeUndefined();
      await (await startRegion({ stateFolder, port: 0 })).stop();
    } finally {
      await rm(stateFolder, { recursive: true, force: true });
    }
  });

  test.each([
    [
      'of a process that is gone',
      () => JSON.stringify({ pid: spawnSync('true').pid, endpoint: 'http://127.0.0.1:9' }),
    ],
    [
      'of a process that is another program now',
      () => JSON.stringify({ pid: process.ppid, endpoint: 'http://127.0.0.1:9' }),
    ],
    ['that is cut short', () => '{"pid":'],
  ])('with a lock %s is taken over', async (_what, lock) => {
    const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-region-'));
    try {
      await writeFile(join(stateFolder, 'region.json'), lock());
      expect(await findRunningRegion(stateFolder)).toBeUndefined();
      const region = await startRegion({ stateFolder, port: 0 });
      expect(await findRunningRegion(stateFolder)).toEqual({ endpoint: region.endpoint, pid: process.pid });
      await region.stop();
    } finally {
      await rm(stateFolder, { recursive: true, force: true });
    }
  });

  test('is taken by only one of many processes that start at once', async () => {
    const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-region-'));
    const code = `
      const { lockStateFolder } = await import(${JSON.stringify(resolve('local/state-lock.ts'))});
      console.log(await lockStateFolder(${JSON.stringify(stateFolder)}).then(() => 'took', (error) => error.name));
      process.stdin.resume().on('end', () => process.exit());`;
    await writeFile(join(stateFolder, 'region.json'), '{"pid":999999999}');
    const children = Array.from({ length: 5 }, () =>
      spawn(process.execPath, ['--input-type=module', '--eval', code], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    try {
      const said = await Promise.all(
        children.map(async (child) => String((await once(child.stdout, 'data'))[0]).trim()),
      );
      expect(said.sort()).toEqual([...Array(4).fill('StateFolderInUse'), 'took']);
    } finally {
      for (const child of children) child.stdin.end();
      await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
      await rm(stateFolder, { recursive: true, force: true });
    }
  });

  test('of another living process is respected', async () => {
    const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-region-'));
    try {
      await writeFile(join(stateFolder, 'region.json'), JSON.stringify({ pid: process.ppid }));
      await expect(startRegion({ stateFolder, port: 0 })).rejects.toThrow(StateFolderInUse);
    } finally {
      await rm(stateFolder, { recursive: true, force: true });
    }
  });
});

test('a bucket may be in the host name', async () => {
  await home.s3().send(new CreateBucketCommand({ Bucket: 'in-host' }));
  await home.s3().send(new PutObjectCommand({ Bucket: 'in-host', Key: 'a/b', Body: 'found' }));
  const { port } = new URL(home.endpoint);
  const request = httpRequest({
    port,
    host: '127.0.0.1',
    path: '/a/b',
    headers: { host: `in-host.localhost:${port}` },
  });
  request.end();
  const [response] = await once(request, 'response');
  expect((await response.setEncoding('utf8').toArray()).join('')).toBe('found');
});

test('stopping ends calls that are held', async () => {
  const own = await startTestRegion();
  try {
    const fault = own.region.faults.add({
      service: 'sts',
      operation: 'GetCallerIdentity',
      action: { kind: 'hold' },
    });
    const held = own.sts().send(new GetCallerIdentityCommand({}));
    held.catch(() => {});
    await expect.poll(() => fault.holding).toBe(1);
    await own.region.stop();
    await expect(held).rejects.toMatchObject({ code: 'ECONNRESET' });
  } finally {
    await own.dispose();
  }
});

describe('the file of a disk', () => {
  test('is told by the id of its volume or snapshot, and by nothing else', async () => {
    const { SnapshotId } = (await home.ec2().send(new DescribeSnapshotsCommand({}))).Snapshots?.[0] ?? {};
    const found = await fetch(`${home.endpoint}/_landfall/disks/${SnapshotId}`);
    expect(await found.json()).toEqual({
      id: SnapshotId,
      file: join(home.stateFolder, 'ec2', 'snapshots', `${SnapshotId}.img`),
    });
    for (const id of ['vol-0123456789abcdef0', '..%2Fstate', '']) {
      expect((await fetch(`${home.endpoint}/_landfall/disks/${id}`)).status).toBe(404);
    }
  });
});
