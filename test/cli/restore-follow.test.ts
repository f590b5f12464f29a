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
import { entry, NOON, plan, ready, reportOf } from './helper-records.ts';

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

const jsonAnswer = (value: object): Answer => ({ status: 200, body: JSON.stringify(value) });

test('a helper’s report becomes events; one that is missing or cannot be read stops nothing', async () => {
  const entries = [
    entry('instance/helper-1', { resourceId: 'i-1', readyAt: NOON }),
    ready('volume/root'),
    ready('attachment/helper-1.root'),
  ];
  const keys = entries.map(({ kind, name }) => `restores/web01/1/ledger/${kind}/${name}.json`);
  const root = { state: 'writing', doneBytes: 1000, writtenBytes: 300, bytesPerSecond: 7 } as const;
  const reports: Answer[] = [NO_OBJECT, { status: 200, body: '{"version":' }, { status: 403, body: '' }];
  let looks = 0;
  const answers: Record<string, () => Answer> = {
    DescribeExecution() {
      looks += 1;
      return looks < 6 ? jsonAnswer({ executionArn: ARN, name: 'web01-1', status: 'RUNNING' }) : ENDED;
    },
    GetExecutionHistory: () => jsonAnswer({ events: [] }),
    'GET /control/restores/web01/claim.json': () =>
      jsonAnswer({
        ...{ restoreId: 'web01', attempt: 1, executionArn: ARN, claimedAt: NOON },
        ...{ state: 'open', onFailure: 'cleanUp' },
      }),
    'GET /control/restores/web01/1/plan.json': () => jsonAnswer(plan()),
    'GET /control/': () => ({
      status: 200,
      body: `<ListBucketResult>${keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('')}</ListBucketResult>`,
    }),
    ...Object.fromEntries(
      keys.map((key, index) => [`GET /control/${key}`, () => jsonAnswer(entries[index] ?? {})]),
    ),
    'GET /control/helpers/AROA1:i-1/report.json': () =>
      reports.shift() ?? jsonAnswer(reportOf('working', [root])),
  };
  const connection = await connectTo((call) => answers[decodeURIComponent(call)]?.() ?? NO_OBJECT);
  let stdout = '';
  const sink = { write: (text: string) => (stdout += text) };
  await followRestore({ ...following(connection), host: { ...host, stdout: sink }, json: true });
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const of = (label: string) =>
    events.filter(({ line }) => line === label).map(({ time: _time, ...facts }) => facts);
  expect(of('root')).toEqual([
    { event: 'progress', line: 'root', phase: 'on helper' },
    {
      ...{ event: 'progress', line: 'root', phase: 'write', doneBytes: 1000, totalBytes: 1_342_177_280 },
      ...{ writtenBytes: 300, bytesPerSecond: 7 },
    },
  ]);
  expect(of('helper').map(({ phase }) => phase)).toEqual(['start', 'start', 'start', 'write disks']);
  expect(of('helper')[1].note).toMatch(/^i-1, its report cannot be read: s3:\/\/control\/.* is not JSON: /);
  expect(of('machine').at(-1).phase).toBe('restored');
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
