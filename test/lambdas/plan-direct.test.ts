import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifestSchema } from '../../core/model/manifest.ts';
import { plannedDiskSchema, plannedStrategySchema } from '../../core/model/plan.ts';
import { describeFinding, restoreRequestSchema } from '../../core/model/request.ts';
import { planDirect } from '../../lambdas/restore/plan/direct.ts';
import { defaultPutsPerSecond } from '../../lambdas/restore/plan/direct-quota.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { FUNCTION_ENVIRONMENT } from '../support/function-environment.ts';

const GIB = 1_024 ** 3;
const TIB = 1_024 ** 4;
const BLOCK_BYTES = 524_288;
const KEY_ARN = 'arn:aws:kms:us-east-1:123456789012:key/0123-4567';

let region: Region;
let stateFolder: string;
beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'landfall-plan-direct-'));
  region = await startRegion({ stateFolder, port: 0 });
  Object.assign(process.env, FUNCTION_ENVIRONMENT, { AWS_ENDPOINT_URL: region.endpoint });
});
afterAll(async () => {
  await region.stop();
  await rm(stateFolder, { recursive: true, force: true });
});

interface Disk {
  readonly size: number;
  /** Of it that is not zero; all when absent. */
  readonly share?: number;
  readonly kmsKeyId?: string;
  readonly excluded?: boolean;
}

/** What is planned for disks `disk0`, `disk1`, …, and what is found, one line each. */
async function plan(sizes: readonly Disk[]) {
  const manifest = manifestSchema.parse({
    format: 1,
    workload: { name: 'web01', kind: 'ec2', platform: 'linux', architecture: 'x86_64' },
    time: '2026-11-22T09:30:00.000Z',
    disks: sizes.map(({ size, share = 1 }, order) => ({
      id: `disk${order}`,
      size,
      order,
      boot: order === 0,
      object: 'c'.repeat(64),
      diskDigest: 'd'.repeat(64),
      writtenDigest: 'e'.repeat(64),
      writtenBlocks: Math.round((size * share) / BLOCK_BYTES),
      segmentBytes: GIB,
    })),
  });
  const disks = sizes.flatMap(({ size, kmsKeyId, excluded }, order) =>
    excluded
      ? []
      : plannedDiskSchema.parse({
          id: `disk${order}`,
          boot: order === 0,
          size,
          volumeGiB: Math.ceil(size / GIB),
          segmentBytes: GIB,
          segmentCount: Math.ceil(size / GIB),
          deviceName: '/dev/sdf',
          volumeType: 'gp3',
          encrypted: kmsKeyId !== undefined,
          ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
          deleteOnTermination: false,
          tags: {},
        }),
  );
  const request = restoreRequestSchema.parse({ restorePoint: { workload: 'web01' } });
  const findings = new Findings();
  const planned = await planDirect({ request, manifest, disks, findings });
  return {
    strategy: plannedStrategySchema.parse(planned.strategy({ reason: 'a test' })),
    segments: planned.disks.map(({ direct }) => direct?.batchSegments),
    errors: findings.errors.map(describeFinding),
    warnings: findings.warnings.map(describeFinding),
    notKnown: findings.allNotKnown,
  };
}

describe('strategy direct', () => {
  it('is planned with the account’s budget as Service Quotas tells it', async () => {
    const { quotas } = region.services.ebs;
    region.services.ebs.quotas = { ...quotas, rates: { putsPerAccount: 2_500 } };
    const planned = await plan([{ size: 100 * GIB, kmsKeyId: KEY_ARN }]);
    region.services.ebs.quotas = quotas;
    expect(planned).toEqual({
      strategy: { name: 'direct', reason: 'a test', accountPutsPerSecond: 2_500 },
      // A thirty-second of the disk: everybody is to have something to do.
      segments: [4],
      errors: [],
      warnings: [],
      notKnown: [],
    });
  });

  it('is planned with the documented budget where Service Quotas does not tell', async () => {
    const denied = region.faults.add({
      service: 'servicequotas',
      operation: 'GetServiceQuota',
      times: 10,
      action: { kind: 'error', code: 'AccessDeniedException', message: 'no', statusCode: 400 },
    });
    const { strategy, notKnown, errors } = await plan([{ size: GIB }]);
    expect(denied.hits).toBeGreaterThan(0);
    denied.remove();
    expect(strategy).toMatchObject({ accountPutsPerSecond: 5_000 });
    expect(errors).toEqual([]);
    expect(notKnown).toEqual([
      { what: 'quota "PutSnapshotBlock requests per account"', why: 'AccessDeniedException: no' },
    ]);
  });

  it('knows the Regions that begin with more', () => {
    const regions = ['us-east-1', 'us-east-2', 'us-west-2', 'ap-southeast-1', 'eu-west-1'];
    expect(regions.map(defaultPutsPerSecond)).toEqual([5_000, 5_000, 5_000, 5_000, 5_000]);
    expect(['us-west-1', 'eu-central-1', 'eu-west-2', 'ap-southeast-2'].map(defaultPutsPerSecond)).toEqual([
      1_000, 1_000, 1_000, 1_000,
    ]);
  });

  it('takes disks of 64 TiB, no larger ones, and tells how long such a disk takes', async () => {
    // 134,217,728 blocks at 1,000 a second.
    const largest = await plan([{ size: 64 * TIB }]);
    expect(largest.errors).toEqual([]);
    expect(largest.warnings).toEqual([
      'disk disk0 = 134217728 blocks of 512 KiB: writing takes at least 37 h 17 min at 1000 blocks a second, ' +
        'all that a snapshot takes. Use strategy helper, with throughput for the volume',
    ]);
    const larger = await plan([{ size: 64 * TIB + 1, share: 0 }]);
    expect(larger.errors).toEqual([
      expect.stringMatching(/^disk disk0 = 65537 GiB: a snapshot takes up to 65536 GiB/),
    ]);
  });

  it('says nothing of hours, and nothing of disks that are left out', async () => {
    expect((await plan([{ size: 16 * TIB }])).warnings).toEqual([]);
    expect((await plan([{ size: GIB }, { size: 64 * TIB, excluded: true }])).warnings).toEqual([]);
  });

  it('is refused where the account’s budget takes longer than a restore may', async () => {
    const { quotas } = region.services.ebs;
    region.services.ebs.quotas = { ...quotas, rates: { putsPerAccount: 1_000 } };
    const twelve = (share: number) => Array.from({ length: 12 }, () => ({ size: 64 * TIB, share }));
    const slow = await plan(twelve(1 / 2));
    const tooSlow = await plan(twelve(1));
    region.services.ebs.quotas = quotas;
    expect(slow.errors).toEqual([]);
    expect(slow.warnings).toEqual([
      expect.stringMatching(/^strategy = 805306368 blocks of 512 KiB: writing takes at least 9\.3 days/),
    ]);
    expect(tooSlow.errors).toEqual([
      expect.stringMatching(/takes at least 18\.6 days .*; the restore ends after 14 days\. Have the quota/),
    ]);
  });

  it('refuses a key that is not named by its ARN', async () => {
    const { errors } = await plan([{ size: GIB, kmsKeyId: 'alias/unknown-to-kms' }]);
    expect(errors).toEqual([
      expect.stringMatching(/^disk disk0\.kmsKeyId = alias\/unknown-to-kms: is no ARN of a key/),
    ]);
  });
});
