import { type HelperReport, helperReportSchema } from '../../core/model/helper.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import { type LedgerEntry, ledgerEntrySchema } from '../../core/model/restore-record.ts';
import { MIB } from './support.ts';

/*
 * Literal records of a restore by a helper appliance: two disks, root and data.
 */
export const ARN = 'arn:aws:states:us-east-1:123456789012:execution:LandfallRestore:web01-1';
const POINT = `rp-20260115T080000Z-${'ab'.repeat(32)}`;
export const ROOT_BYTES = 1280 * MIB;
export const DATA_BYTES = 700 * MIB;

const disk = (id: string, size: number, boot: boolean) => ({
  ...{ id, boot, size, volumeGiB: 2, segmentBytes: 1024 * MIB, segmentCount: 2 },
  ...{ deviceName: boot ? '/dev/xvda' : '/dev/sdf', volumeType: 'gp3', encrypted: false },
  ...{ deleteOnTermination: boot, tags: {} },
});

export const plan = (readBack: 'sample' | 'all' = 'sample'): Plan =>
  planSchema.parse({
    ...{ restoreId: 'web01', attempt: 1, executionArn: ARN, onFailure: 'cleanUp', warnings: [] },
    ...{ startedAt: '2026-02-01T10:00:00.000Z', plannedAt: '2026-02-01T10:00:01.000Z' },
    ...{ repository: 's3://backups', restorePoint: POINT, restorePointTime: '2026-01-15T08:00:00Z' },
    workload: { name: 'web01', kind: 'ec2', platform: 'linux' },
    strategy: {
      name: 'helper',
      reason: 'the request asks for it',
      instanceTypes: ['c7gn.xlarge', 'c7g.2xlarge'],
      instanceTypeReason: '10 Gbps to EBS for 2 disks',
      ...{ imageId: 'ami-1', imageRootDeviceName: '/dev/xvda', subnetId: 'subnet-1' },
      ...{ s3PrefixListId: 'pl-1', roleId: 'AROA1', readBack },
    },
    target: {
      ...{ restoreTo: 'new', sourceName: 'web01', otherInstanceTypes: [] },
      ...{ httpEndpoint: 'enabled', instanceMetadataTags: 'disabled' },
      ...{ name: 'web01', instanceType: 't3.small', subnetId: 'subnet-1', vpcId: 'vpc-1' },
      ...{ availabilityZone: 'us-east-1a', securityGroupIds: ['sg-1'], sourceDestCheck: true },
      ...{ ebsOptimized: true, httpTokens: 'required', tags: {}, powerOn: true },
      launchImage: {
        ...{ kind: 'existing', imageId: 'ami-2', reason: 'the source instance’s' },
        ...{ rootDeviceName: '/dev/xvda', otherDeviceNames: [] },
      },
    },
    disks: [disk('root', ROOT_BYTES, true), disk('data', DATA_BYTES, false)],
    excludedDisks: [],
  });

export const NOON = '2026-02-01T12:00:00.000Z';

/** A ledger entry `kind/name`: intended, made, or (with `readyAt`) seen in the state that it was made for. */
export const entry = (path: string, more: Partial<LedgerEntry> = {}): LedgerEntry => {
  const [kind, name = ''] = path.split('/');
  const made = { resourceId: `the ${name}`, createdAt: NOON };
  return ledgerEntrySchema.parse({
    ...{ kind, name, step: 'some-step', executionArn: ARN, intendedAt: NOON, triedAt: NOON, ...made },
    ...more,
  });
};
export const ready = (path: string): LedgerEntry => entry(path, { readyAt: NOON });

export const reportOf = (
  state: HelperReport['state'],
  disks: Partial<HelperReport['disks'][number]>[] = [],
  more: Partial<HelperReport> = {},
): HelperReport =>
  helperReportSchema.parse({
    ...{ version: 1, instanceId: 'i-1', sequence: 7, reportedAt: NOON, heartbeatSeconds: 10, state },
    disks: disks.map((each) => ({
      ...{ id: 'root', state: 'waiting', doneBytes: 0, diskBytes: ROOT_BYTES, writtenBytes: 0 },
      ...{ resumedBytes: 0, readBackBytes: 0, bytesPerSecond: 0 },
      ...each,
    })),
    memoryBytes: 100 * MIB,
    ...more,
  });
