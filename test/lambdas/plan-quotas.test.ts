import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateVolumeCommand,
  DescribeImagesCommand,
  DescribeImportSnapshotTasksCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { plannedDiskSchema } from '../../core/model/plan.ts';
import { describeFinding } from '../../core/model/request.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { checkImportTasks } from '../../lambdas/restore/plan/import-quota.ts';
import { checkStorage } from '../../lambdas/restore/plan/storage-quota.ts';
import { checkVcpus, type Runner } from '../../lambdas/restore/plan/vcpu-quota.ts';
import { ec2 } from '../../lambdas/runtime/ec2.ts';
import { type Region, startRegion } from '../../local/region.ts';

const VCPUS = 'L-1216C47A';
const GP3 = 'L-7A658B76';
const IMPORTS = 'L-66ABAAD5';

let region: Region;
let stateFolder: string;
beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'landfall-quotas-'));
  region = await startRegion({ stateFolder, port: 0 });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: region.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  region.faults.clear();
});
afterAll(async () => {
  await region?.stop();
  await rm(stateFolder, { recursive: true, force: true });
});

async function found(check: (findings: Findings) => Promise<void>) {
  const findings = new Findings();
  await check(findings);
  return {
    told: findings.all.map((finding) => `${finding.severity}: ${describeFinding(finding)}`),
    notKnown: findings.allNotKnown,
  };
}

const vcpus = (runners: readonly Runner[], whenInUse: 'error' | 'warning' = 'warning') =>
  found((findings) =>
    checkVcpus({ runners, field: 'target.instanceType', fix: 'Choose a smaller type', whenInUse, findings }),
  );

const M6I = { instanceType: 'm6i.large', vcpus: 2 };
const C8GB = { instanceType: 'c8gb.xlarge', vcpus: 4 };

describe('vCPUs', () => {
  it('are no matter where the quota has room', async () => {
    region.services.serviceQuotas.set(VCPUS, 6);
    expect(await vcpus([M6I, C8GB])).toEqual({ told: [], notKnown: [] });
  });

  it('are an error where the quota never has room for those that run together', async () => {
    region.services.serviceQuotas.set(VCPUS, 5);
    expect((await vcpus([M6I])).told).toEqual([]);
    expect((await vcpus([C8GB, M6I])).told).toEqual([
      'error: target.instanceType = c8gb.xlarge, m6i.large: have 6 vCPUs together (c8gb.xlarge 4, m6i.large 2), the account may run 5 at once (quota L-1216C47A). Choose a smaller type',
    ]);
  });

  it('are told where what runs now takes the room, as the caller judges that', async () => {
    region.services.serviceQuotas.set(VCPUS, 5);
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({ Owners: ['amazon'] }));
    const image = Images.find(({ Architecture }) => Architecture === 'x86_64');
    await ec2.send(
      new RunInstancesCommand({
        ImageId: image?.ImageId,
        InstanceType: 'm6i.xlarge',
        MinCount: 1,
        MaxCount: 1,
      }),
    );
    const told =
      'target.instanceType = m6i.large: has 2 vCPUs, the account may run 5 at once (quota L-1216C47A), and 4 are in use. Choose a smaller type';
    expect((await vcpus([M6I])).told).toEqual([`warning: ${told}`]);
    expect((await vcpus([M6I], 'error')).told).toEqual([`error: ${told}`]);
  });

  it('are counted by class: an accelerated instance has a quota of its own', async () => {
    region.services.serviceQuotas.set(VCPUS, 1);
    const { told, notKnown } = await vcpus([{ instanceType: 'g5.xlarge', vcpus: 4 }]);
    expect(told).toEqual([]);
    // The region knows no quota for G instances.
    expect(notKnown).toEqual([
      {
        what: 'whether the account may run g5.xlarge 4 vCPUs more (quota L-DB2E81BA)',
        why: expect.stringContaining('NoSuchResourceException'),
      },
    ]);
  });

  it('are not known where access to quotas is denied: that is no finding', async () => {
    region.faults.add({
      service: 'servicequotas',
      operation: 'GetServiceQuota',
      action: { kind: 'error', code: 'AccessDeniedException', message: 'no' },
    });
    expect(await vcpus([M6I])).toEqual({
      told: [],
      notKnown: [
        {
          what: 'whether the account may run m6i.large 2 vCPUs more (quota L-1216C47A)',
          why: 'AccessDeniedException: no',
        },
      ],
    });
  });
});

const disk = (volumeGiB: number, volumeType = 'gp3') =>
  plannedDiskSchema.parse({
    id: `disk-${volumeGiB}`,
    boot: false,
    size: volumeGiB * 1024 ** 3,
    volumeGiB,
    segmentBytes: 1024 ** 3,
    segmentCount: volumeGiB,
    deviceName: '/dev/sdf',
    volumeType,
    encrypted: false,
    deleteOnTermination: false,
    tags: {},
  });

describe('storage', () => {
  it('is held against the quota of its type, and what there is of it', async () => {
    const check = (...disks: ReturnType<typeof disk>[]) => found((findings) => checkStorage(disks, findings));
    region.services.serviceQuotas.set(GP3, 2);
    expect((await check(disk(1_000), disk(1_000), disk(5_000, 'gp2'))).told).toEqual([]);
    expect((await check(disk(1_048), disk(1_001))).told).toEqual([
      'error: disks = 2049 GiB of gp3: the account may have 2 TiB of gp3 volumes (quota L-7A658B76). Have the quota raised, delete volumes, or choose another volume type with disks[].volumeType',
    ]);
    await ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 500, VolumeType: 'gp3' }));
    const { told } = await check(disk(1_600));
    expect(told).toHaveLength(1);
    // The instance that runs has a volume of its own, too.
    expect(told[0]).toMatch(
      /^warning: disks = 1600 GiB of gp3: the account may have 2 TiB of gp3 volumes \(quota L-7A658B76\) and has 5\d\d GiB of them\./,
    );
  });
});

describe('imports', () => {
  it('are no matter while none is under way, however many there will be', async () => {
    region.services.serviceQuotas.set(IMPORTS, 20);
    expect(await found((findings) => checkImportTasks(75, findings))).toEqual({ told: [], notKnown: [] });
    expect(await found((findings) => checkImportTasks(0, findings))).toEqual({ told: [], notKnown: [] });
  });

  it('are told to wait for those that are under way', async () => {
    region.services.serviceQuotas.set(IMPORTS, 5);
    const task = (Status: string) => ({ SnapshotTaskDetail: { Status } });
    const send = ec2.send.bind(ec2);
    vi.spyOn(ec2, 'send').mockImplementation((async (command: Parameters<typeof send>[0]) =>
      command instanceof DescribeImportSnapshotTasksCommand
        ? { ImportSnapshotTasks: ['active', 'completed', 'active', 'deleted', 'active'].map(task) }
        : send(command)) as never);
    expect((await found((findings) => checkImportTasks(2, findings))).told).toEqual([]);
    expect((await found((findings) => checkImportTasks(3, findings))).told).toEqual([
      'warning: strategy = 3 imports: the account may run 5 at once (quota L-66ABAAD5), and 3 are under way: the restore waits for room. Wait until they are done, have the quota raised, or use a strategy without imports',
    ]);
  });
});
