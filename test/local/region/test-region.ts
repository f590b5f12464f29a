import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EC2Client } from '@aws-sdk/client-ec2';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { STSClient } from '@aws-sdk/client-sts';
import { type Region, startRegion } from '../../../local/region.ts';

export interface TestRegion {
  /** The region now running; another object after {@link restart}. */
  readonly region: Region;
  readonly endpoint: string;
  readonly stateFolder: string;
  /** What the region logged: its own mistakes. */
  readonly logged: string[];
  s3(config?: S3ClientConfig): S3Client;
  ec2(): EC2Client;
  states(): SFNClient;
  lambda(): LambdaClient;
  sts(): STSClient;
  /** Stops the region and starts it again on the same folder. */
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

/** A region of its own on a folder of its own, with clients that do not retry. */
export async function startTestRegion(): Promise<TestRegion> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-region-'));
  const logged: string[] = [];
  const start = () =>
    startRegion({ stateFolder, port: 0, timeScale: 0.001, waitMs: 1, log: (line) => void logged.push(line) });
  let region = await start();
  const clients: { destroy(): void }[] = [];
  const keep = <C extends { destroy(): void }>(client: C): C => {
    clients.push(client);
    return client;
  };
  const config = () => ({
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  return {
    get region() {
      return region;
    },
    get endpoint() {
      return region.endpoint;
    },
    stateFolder,
    logged,
    s3: (extra = {}) => keep(new S3Client({ ...config(), ...extra })),
    ec2: () => keep(new EC2Client(config())),
    states: () => keep(new SFNClient(config())),
    lambda: () => keep(new LambdaClient(config())),
    sts: () => keep(new STSClient(config())),
    restart: async () => {
      await region.stop();
      region = await start();
    },
    dispose: async () => {
      for (const client of clients) client.destroy();
      await region.stop();
      await rm(stateFolder, { recursive: true, force: true });
    },
  };
}
