import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { type Connection, makeLocalConnection } from '../../cli/connection/connection.ts';
import type { Host } from '../../cli/host.ts';
import { type Following, followRestore } from '../../cli/restore/follow.ts';
import { makeRestoreRecords } from '../../cli/restore/records.ts';
import { startRestore } from '../../cli/restore/start-and-follow.ts';

/*
 * What the command line does when AWS answers oddly: the real clients against a server that says what a test wants.
 */
const ARN = 'arn:aws:states:us-east-1:123456789012:execution:LandfallRestore:web01-1';

interface Answer {
  readonly status: number;
  readonly body: string;
}

let server: Server;
let connection: Connection;
afterEach(async () => {
  await connection.close();
  server.closeAllConnections();
  server.close();
});

const host: Host = {
  cwd: '/',
  env: {},
  stdin: Readable.from([]),
  stdout: { write: () => {} },
  stderr: { write: () => {} },
  signal: new AbortController().signal,
  exitCode: 0,
};

/** `DescribeExecution`, or `GET /bucket/key`. */
function callOf({ headers, method, url = '' }: IncomingMessage): string {
  const target = headers['x-amz-target'];
  return typeof target === 'string' ? (target.split('.')[1] ?? '') : `${method} ${url.replace(/\?.*/, '')}`;
}

async function connectTo(answer: (call: string) => Answer): Promise<Connection> {
  server = createServer((request, response) => {
    const { status, body } = answer(callOf(request));
    request.resume().once('end', () => response.writeHead(status).end(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const flags = {
    ...{ local: true, json: false, stateFolder: '/', stack: 'Landfall', quiet: true, progress: false },
  };
  connection = {
    ...makeLocalConnection(
      { host, flags },
      {
        endpoint: `http://127.0.0.1:${port}`,
        runsHere: false,
        description: 'a server of the test',
        async close() {},
      },
    ),
    stackOutputs: async () => ({ get: (name) => `the-${name}` }),
  };
  return connection;
}

const UNKNOWN: Answer = {
  status: 400,
  body: JSON.stringify({ __type: 'ExecutionDoesNotExist', message: 'Execution Does Not Exist' }),
};
const ENDED: Answer = {
  status: 200,
  body: JSON.stringify({ executionArn: ARN, name: 'web01-1', status: 'SUCCEEDED' }),
};
const NO_OBJECT: Answer = { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' };

const following = (connection: Connection): Following => ({
  host,
  connection,
  records: makeRestoreRecords(connection.s3, 'control'),
  restoreId: 'web01',
  executionArn: ARN,
  json: false,
  showsProgress: false,
  pollMs: 0,
});

test('an execution that nobody knows is not waited for for ever', async () => {
  let looks = 0;
  const connection = await connectTo((call) => {
    if (call === 'DescribeExecution') looks += 1;
    return UNKNOWN;
  });
  await expect(followRestore(following(connection))).rejects.toMatchObject({
    name: 'LostSight',
    message: `the restore web01 cannot be looked at: Step Functions knows no execution ${ARN}`,
  });
  expect(looks).toBe(21);
});

test('an execution that is not known yet, right after its start, is waited for', async () => {
  let looks = 0;
  const connection = await connectTo((call) => {
    if (call !== 'DescribeExecution') return NO_OBJECT;
    looks += 1;
    return looks <= 20 ? UNKNOWN : ENDED;
  });
  const { execution } = await followRestore(following(connection));
  expect(execution).toMatchObject({ arn: ARN, status: 'SUCCEEDED' });
});

test('a start that is not confirmed with an ARN is an error', async () => {
  const connection = await connectTo((call) =>
    call === 'StartExecution' ? { status: 200, body: '{}' } : NO_OBJECT,
  );
  const records = makeRestoreRecords(connection.s3, 'control');
  const input = { restoreId: 'web01', restorePoint: { workload: 'web01' } };
  await expect(startRestore(connection, { records, input })).rejects.toMatchObject({
    name: 'StartUnconfirmed',
    nextStep: '"landfall show web01-1" tells whether it has started.',
  });
});

test.each([
  ['{"attempt": 1', 'is not JSON: SyntaxError: '],
  ['{}', 'is not what this version reads: '],
])('a record that holds %s is named', async (body, problem) => {
  const connection = await connectTo(() => ({ status: 200, body }));
  const records = makeRestoreRecords(connection.s3, 'control');
  await expect(records.claim('web01')).rejects.toMatchObject({
    name: 'UnreadableRecord',
    message: expect.stringMatching(/^s3:\/\/control\/.*web01.*/),
  });
  await expect(records.claim('web01')).rejects.toThrow(problem);
});
