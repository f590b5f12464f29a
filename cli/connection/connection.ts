import type { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { makeS3Client } from '../../core/repository/index.ts';
import { BadRequest } from '../errors.ts';
import { type Host, printNotice } from '../host.ts';
import type { Caller } from '../program-flags.ts';
import { type ClientConfig, LOCAL_CREDENTIALS, LOCAL_REGION_NAME } from './client-config.ts';
import type { Ec2 } from './ec2.ts';
import { type LocalRegion, openLocalRegion } from './local-region.ts';
import { readStackOutputs, type StackOutputs } from './stack-outputs.ts';

/** What a command talks to. */
export interface Connection {
  readonly kind: 'endpoint' | 'local' | 'aws';
  /** For people: `AWS, region eu-west-1, account 123456789012`. */
  readonly description: string;
  /** Whether this process itself is the region: what goes on there ends with the command. */
  readonly runsHere: boolean;
  readonly config: ClientConfig;
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  /** Loaded when it is asked for: client-ec2 takes 90 MiB and 0.2 s, and most commands do without. */
  ec2(): Promise<Ec2>;
  /** Outputs of the stack that --stack names, asked for once. */
  stackOutputs(): Promise<StackOutputs>;
  close(): Promise<void>;
}

/**
 * Finds out what to talk to (AWS_ENDPOINT_URL, else with --local the local region, else AWS), says so on stderr,
 * runs the work and closes the connection.
 */
export async function withConnection<T>(
  caller: Caller,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(caller);
  try {
    printNotice(caller.host, `Talking to ${connection.description}.`);
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function connect(caller: Caller): Promise<Connection> {
  const endpoint = caller.host.env.AWS_ENDPOINT_URL;
  if (endpoint) return connectToEndpoint(caller, endpoint);
  if (caller.flags.local) return makeLocalConnection(caller, await openLocalRegion(caller));
  return await connectToAws(caller);
}

function connectToEndpoint(caller: Caller, endpoint: string): Connection {
  const { env } = caller.host;
  const hasCredentials = Boolean(env.AWS_ACCESS_KEY_ID || env.AWS_PROFILE);
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    throw new BadRequest(
      `AWS_ENDPOINT_URL is "${endpoint}", which is no http or https URL`,
      'Correct it (http://127.0.0.1:4566 is the usual local region), or unset it to talk to AWS.',
    );
  }
  const isLoopback = /^https?:\/\/(127\.|localhost|\[::1\])/.test(endpoint);
  return makeConnection(caller, {
    kind: 'endpoint',
    runsHere: false,
    description: `${endpoint} (AWS_ENDPOINT_URL)${caller.flags.local ? '; --local is not needed' : ''}`,
    config: {
      endpoint,
      region: regionOf(caller) ?? (isLoopback ? LOCAL_REGION_NAME : undefined),
      forcePathStyle: isLoopback,
      ...(isLoopback && !hasCredentials ? { credentials: LOCAL_CREDENTIALS } : {}),
    },
    async close() {},
  });
}

/** A connection to a local region; closing it does what the region's `close` does. */
export function makeLocalConnection(
  caller: Caller,
  { endpoint, runsHere, description, close }: LocalRegion,
): Connection {
  return makeConnection(caller, {
    kind: 'local',
    runsHere,
    description,
    config: {
      endpoint,
      region: LOCAL_REGION_NAME,
      credentials: LOCAL_CREDENTIALS,
      forcePathStyle: true,
    },
    close,
  });
}

async function connectToAws(caller: Caller): Promise<Connection> {
  const { host } = caller;
  const sts = new STSClient({ region: regionOf(caller) });
  try {
    const region = await sts.config.region().catch((cause: unknown) => {
      printNotice(host, 'Talking to AWS, region not set.');
      throw new BadRequest(
        'no AWS region is set',
        'Set AWS_REGION or --region, or use the local region on this machine with --local.',
        { cause },
      );
    });
    const { Account } = await askWhoIAm(sts, host).catch((error: unknown) => {
      printNotice(host, `Talking to AWS, region ${region}, account not known.`);
      throw error;
    });
    return makeConnection(caller, {
      kind: 'aws',
      runsHere: false,
      description: `AWS, region ${region}, account ${Account}`,
      config: { region },
      async close() {},
    });
  } finally {
    sts.destroy();
  }
}

const askWhoIAm = (sts: STSClient, { signal }: Host) =>
  sts.send(new GetCallerIdentityCommand({}), { abortSignal: signal });

function makeConnection(
  { host, flags }: Caller,
  base: Pick<Connection, 'kind' | 'runsHere' | 'description' | 'config' | 'close'>,
): Connection {
  const s3 = makeS3Client({ ...base.config });
  const sfn = new SFNClient({ ...base.config });
  let outputs: Promise<StackOutputs> | undefined;
  let ec2: Promise<Ec2> | undefined;
  return {
    ...base,
    s3,
    sfn,
    ec2() {
      ec2 ??= import('./ec2.ts').then(({ makeEc2 }) => makeEc2(base.config));
      return ec2;
    },
    stackOutputs() {
      outputs ??= readStackOutputs(base.config, {
        stackName: flags.stack,
        where: base.description,
        signal: host.signal,
      });
      return outputs;
    },
    async close() {
      for (const client of [s3, sfn]) client.destroy();
      (await ec2)?.close();
      await base.close();
    },
  };
}

const regionOf = ({ host, flags }: Caller): string | undefined =>
  flags.region ?? host.env.AWS_REGION ?? host.env.AWS_DEFAULT_REGION;
