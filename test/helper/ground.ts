import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { createRepository, makeS3Store, type Repository } from '../../core/repository/index.ts';
import { type Region, startRegion } from '../../local/region.ts';

export const MIB = 1024 ** 2;
export const CONTROL = 'control-bucket';
export const REPOSITORY = 'repository-bucket';
const DEADLINE_MS = 30_000;

/** A local region with a repository and a control bucket in its S3. */
export interface Ground {
  readonly folder: string;
  readonly region: Region;
  readonly s3: S3Client;
  readonly repository: Repository;
  /** Keys of the packs that were read since the call log was cleared. */
  packsRead(): string[];
  stop(): Promise<void>;
}

export async function makeGround(): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'landfall-helper-'));
  const region = await startRegion({ stateFolder: join(folder, 'region'), port: 0 });
  const s3 = new S3Client({
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
  });
  for (const Bucket of [CONTROL, REPOSITORY]) await s3.send(new CreateBucketCommand({ Bucket }));
  const repository = await createRepository(makeS3Store({ client: s3, bucket: REPOSITORY, prefix: 'main' }));
  return {
    ...{ folder, region, s3, repository },
    packsRead: () =>
      region.calls
        .entries({ service: 's3', operation: 'GetObject' })
        .flatMap(({ resources }) => resources.filter((name) => name.includes('/packs/'))),
    async stop() {
      s3.destroy();
      await region.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until the condition holds. */
export async function until(holds: () => Promise<boolean> | boolean, say: () => string): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(say());
    await sleep(20);
  }
}
