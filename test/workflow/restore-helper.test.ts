import { DescribeInstancesCommand, DescribeVolumesCommand, type Instance } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RestoreResult } from '../../core/model/restore-record.ts';
import { type HelperBench, makeHelperBench } from '../support/helper-bench.ts';
import { isRestored, MIB, sparseDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());

const root = sparseDisk('root', 40 * MIB + 512, { boot: true });
const data = sparseDisk('data', 100 * MIB, { deviceName: '/dev/sdf' });

describe('a restore by strategy helper', () => {
  it('brings back every byte, as a running instance, and leaves nothing temporary behind', async () => {
    const restorePoint = await bench.backUp([root, data]);
    const before = await bench.inventory();
    const { executionArn, status, result, cause } = await bench.restore(
      bench.request(restorePoint, {
        disks: [{ id: 'data', volumeType: 'gp3', iops: 3000, throughput: 250 }],
      }),
    );
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    expect(result).toMatchObject({ outcome: 'restored', strategy: 'helper', leftBehind: [] });
    expect(result?.instance?.started).toBe('running');
    expect(result?.phases.map(({ phase, diskId }) => (diskId ? `${phase} ${diskId}` : phase))).toEqual(
      expect.arrayContaining([
        'launch helper',
        'create empty volume root',
        'create empty volume data',
        'attach to helper root',
        'attach to helper data',
        'write disks',
        'attach volume root',
        'attach volume data',
        'hand over',
      ]),
    );
    expect(result?.phases.every(({ endedAt }) => endedAt !== undefined)).toBe(true);
    const volumes = new Map(result?.volumes.map(({ diskId, volumeId }) => [diskId, volumeId]));
    expect(await isRestored(await bench.volumeFile(volumes.get('root')), root)).toBe(true);
    expect(await isRestored(await bench.volumeFile(volumes.get('data')), data)).toBe(true);
    expect((await bench.inventory()).filter((id) => !before.includes(id))).toEqual(
      [result?.instance?.instanceId, ...volumes.values()].sort(),
    );
    const instance = await describeInstance(result?.instance?.instanceId ?? '');
    expect(instance).toMatchObject({ InstanceType: 'm6i.large', Architecture: 'x86_64' });
    expect(
      instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [
        DeviceName,
        Ebs?.VolumeId,
        Ebs?.DeleteOnTermination,
      ]).sort(),
    ).toEqual([
      ['/dev/sdf', volumes.get('data'), false],
      ['/dev/xvda', volumes.get('root'), true],
    ]);
    const [helperId = ''] = result?.helper?.instanceIds ?? [];
    expect(result?.helper?.instanceIds).toHaveLength(1);
    expect(result?.helper?.disks).toMatchObject([
      { id: 'root', state: 'done', doneBytes: 40 * MIB + 512, resumedBytes: 0 },
      { id: 'data', state: 'done', doneBytes: 100 * MIB, resumedBytes: 0 },
    ]);
    checkCallsOf(helperId);
    checkLaunch(executionArn);
  });

  /** The role of a helper may read the bundle and repositories, and work in one folder: nothing else, and no EC2. */
  function checkCallsOf(helperId: string): void {
    const calls = bench.region.calls.entries({ caller: helperId });
    expect(new Set(calls.map(({ service, operation }) => `${service} ${operation}`))).toEqual(
      new Set(['s3 GetObject', 's3 ListObjectsV2', 's3 PutObject']),
    );
    const { ControlBucket } = bench.outputs;
    const ownFolder = new RegExp(`^helpers/AROA[A-Z0-9]+:${helperId}/`);
    for (const { operation, input } of calls) {
      const name = String(input?.Key ?? input?.Prefix);
      const isOwn = input?.Bucket === ControlBucket && ownFolder.test(name);
      const isRepository = input?.Bucket === bench.repositoryBucket;
      const isBundle = String(input?.Bucket).startsWith('cdk-') && operation === 'GetObject';
      expect(isOwn || (operation !== 'PutObject' && (isRepository || isBundle)), `${operation} ${name}`).toBe(
        true,
      );
    }
  }

  function checkLaunch(executionArn: string): void {
    const calls = bench.region.calls.entries().filter(({ execution }) => execution === executionArn);
    const launch = calls.find(
      ({ operation, caller }) => operation === 'RunInstances' && caller === bench.functionOf('launch-helper'),
    )?.input;
    expect(launch).toMatchObject({
      InstanceInitiatedShutdownBehavior: 'terminate',
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
      NetworkInterfaces: [{ SubnetId: bench.subnetId, AssociatePublicIpAddress: false }],
      BlockDeviceMappings: [{ Ebs: { Encrypted: true, DeleteOnTermination: true } }],
    });
    expect(launch).not.toHaveProperty('KeyName');
    const rules = calls.filter(({ operation }) => /^(Authorize|Revoke)SecurityGroup/.test(operation));
    const ofHelper = rules.filter(({ caller }) => caller === bench.functionOf('isolate-helper'));
    expect(ofHelper.map(({ operation }) => operation)).toEqual([
      'RevokeSecurityGroupEgress',
      'AuthorizeSecurityGroupEgress',
    ]);
    expect(ofHelper[1]?.input?.IpPermissions).toMatchObject([
      {
        IpProtocol: 'tcp',
        FromPort: 443,
        ToPort: 443,
        PrefixListIds: [{ PrefixListId: expect.stringMatching(/^pl-/) }],
      },
    ]);
  }

  it('makes the same volumes and the same instance as strategy upload', async () => {
    const restorePoint = await bench.backUp([root, data]);
    const wishes = {
      target: { name: 'twin', instanceType: 'm6i.large', subnetId: bench.subnetId, tags: { team: 'blue' } },
      disks: [{ id: 'data', volumeType: 'gp2', encrypted: true }],
    };
    const [byHelper, byUpload] = await Promise.all(
      ['helper', 'upload'].map((strategy) => bench.restore({ restorePoint, strategy, ...wishes })),
    );
    expect(byHelper).toMatchObject({ status: 'SUCCEEDED', result: { strategy: 'helper' } });
    expect(byUpload).toMatchObject({ status: 'SUCCEEDED', result: { strategy: 'upload' } });
    for (const ended of [byHelper, byUpload]) {
      const [first, second] = ended?.result?.volumes ?? [];
      expect(await isRestored(await bench.volumeFile(first?.volumeId), root)).toBe(true);
      expect(await isRestored(await bench.volumeFile(second?.volumeId), data)).toBe(true);
    }
    const looks = await Promise.all([byHelper, byUpload].map((ended) => lookOf(ended?.result)));
    expect(looks[0]).toEqual(looks[1]);
    // It is the whole of what EC2 shows, but ids, addresses, times, and the snapshot that only one was made from.
    expect(Object.keys(looks[0]?.instance ?? {}).length).toBeGreaterThan(25);
    expect(looks[0]?.volumes).toMatchObject([
      { VolumeType: 'gp3', Size: 1, Encrypted: false },
      { VolumeType: 'gp2', Size: 1, Encrypted: true },
    ]);
  });
});

/** What EC2 shows of a restored machine: its volumes in the disks' order, and its instance; without ids and times. */
async function lookOf(result: RestoreResult | undefined) {
  const ids = result?.volumes.map(({ volumeId }) => volumeId) ?? [];
  const { Volumes = [] } = await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: ids }));
  const volumes = ids.map((id) => Volumes.find(({ VolumeId }) => VolumeId === id) ?? {});
  const instance = await describeInstance(result?.instance?.instanceId ?? '');
  return {
    volumes: volumes.map(({ SnapshotId: _made, ...volume }) => comparable(volume)),
    instance: comparable(instance ?? {}),
  };
}

/** A look without what differs between any two instances: ids, times, addresses, and the restore's own name. */
function comparable<T extends object>(look: T): T {
  return JSON.parse(JSON.stringify(look), (key, value) => {
    if (/(Time|Date|DnsName|IpAddress|PublicIp|MacAddress|ClientToken)$/.test(key)) return undefined;
    if (value?.Key === 'landfall:restore') return undefined;
    return typeof value === 'string'
      ? value.replaceAll(/\b(i|vol|eni|eni-attach|ami|r|sg)-[0-9a-f]{17}\b/g, '$1-')
      : value;
  });
}

async function describeInstance(instanceId: string): Promise<Instance | undefined> {
  const { Reservations = [] } = await bench.ec2.send(
    new DescribeInstancesCommand({ InstanceIds: [instanceId] }),
  );
  return Reservations[0]?.Instances?.[0];
}
