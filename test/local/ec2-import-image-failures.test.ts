import { open, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EC2 } from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guidDisk, linuxDisk, windowsDisk } from './boot-disks.ts';
import { codeOf, failure, makeVolume, openTestEc2, type TestEc2 } from './ec2-harness.ts';

type Request = NonNullable<Parameters<EC2['importImage']>[0]>;

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
  put('boot.raw', linuxDisk());
});
afterEach(() => ec2.close());

function put(key: string, bytes: Uint8Array): void {
  const bucket = ec2.objects.get('images') ?? new Map();
  ec2.objects.set('images', bucket.set(key, bytes));
}

const raw = (S3Key: string) => ({ Format: 'RAW', UserBucket: { S3Bucket: 'images', S3Key } });

const request = (more: Partial<Request> = {}): Request => ({
  RoleName: 'landfall-import',
  DiskContainers: [raw('boot.raw')],
  ...more,
});

async function taskOf(id: string | undefined) {
  const { ImportImageTasks } = await ec2.api.describeImportImageTasks({ ImportTaskIds: [id ?? ''] });
  return ImportImageTasks?.[0] ?? {};
}

async function snapshotOf(bytes: Uint8Array): Promise<string> {
  put('snapshot.raw', bytes);
  const { ImportTaskId = '' } = await ec2.api.importSnapshot({
    RoleName: 'landfall-import',
    DiskContainer: raw('snapshot.raw'),
  });
  await ec2.advance(124);
  const { ImportSnapshotTasks } = await ec2.api.describeImportSnapshotTasks({
    ImportTaskIds: [ImportTaskId],
  });
  return ImportSnapshotTasks?.[0]?.SnapshotTaskDetail?.SnapshotId ?? '';
}

/** Seconds at which a task of one disk of 1 GiB gets to its steps. */
const [VALIDATING, CONVERTING, UPDATING, PREPARING, SECONDS] = [30, 75, 263, 1_103, 1_283];

const files = async () => readdir(dirname(ec2.service.snapshotFile('snap-0a11d00000a12023a') ?? ''));

async function startOf(file: string | undefined, length: number): Promise<Buffer> {
  const handle = await open(file ?? '');
  try {
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer;
  } finally {
    await handle.close();
  }
}

describe('ImportImage refuses at once', () => {
  const seeded = 'snap-0a11d00000a12023a';

  it.each<[object, string]>([
    [{ RoleName: undefined }, 'InvalidParameter'],
    [{ DiskContainers: undefined }, 'MissingParameter'],
    [{ DiskContainers: [] }, 'MissingParameter'],
    [{ DiskContainers: [{}] }, 'MissingParameter'],
    [{ DiskContainers: [{ ...raw('boot.raw'), Format: undefined }] }, 'MissingParameter'],
    [{ DiskContainers: [{ ...raw('boot.raw'), Format: 'VMDK' }] }, 'UnsupportedOperation'],
    [{ DiskContainers: [{ ...raw('boot.raw'), Format: 'OVA' }] }, 'UnsupportedOperation'],
    [{ DiskContainers: [{ Format: 'RAW', Url: 'https://example.com/x' }] }, 'UnsupportedOperation'],
    [{ DiskContainers: [raw('boot.raw'), raw('nothing')] }, 'InvalidParameter'],
    [
      { DiskContainers: [{ ...raw('boot.raw'), UserBucket: { S3Bucket: 'nowhere', S3Key: 'x' } }] },
      'InvalidParameter',
    ],
    [{ DiskContainers: [{ ...raw('boot.raw'), SnapshotId: seeded }] }, 'InvalidParameterCombination'],
    [{ DiskContainers: [{ SnapshotId: seeded }] }, 'InvalidParameter'],
    [{ DiskContainers: [{ SnapshotId: 'snap-00000000000000000' }] }, 'InvalidSnapshot.NotFound'],
    [{ DiskContainers: [{ SnapshotId: 'rubbish' }] }, 'InvalidParameterValue'],
    [{ DiskContainers: [{ ...raw('boot.raw'), DeviceName: 'C:' }] }, 'InvalidParameterValue'],
    [
      { DiskContainers: [raw('boot.raw'), { ...raw('boot.raw'), DeviceName: '/dev/sda1' }] },
      'InvalidBlockDeviceMapping',
    ],
    [{ Platform: 'linux' }, 'InvalidParameter'],
    [{ LicenseType: 'byol' }, 'InvalidParameter'],
    [{ UsageOperation: 'RunInstances:9999' }, 'InvalidParameter'],
    [{ LicenseType: 'BYOL', UsageOperation: 'RunInstances' }, 'InvalidParameterCombination'],
    [{ BootMode: 'uefi-preferred' }, 'InvalidParameter'],
    [{ Hypervisor: 'kvm' }, 'InvalidParameter'],
    [{ Encrypted: true, KmsKeyId: 'rubbish' }, 'InvalidParameterValue'],
    [{ KmsKeyId: 'alias/x' }, 'InvalidParameterDependency'],
    [{ LicenseSpecifications: [{ LicenseConfigurationArn: 'arn:x' }] }, 'UnsupportedOperation'],
    [{ TagSpecifications: [{ ResourceType: 'image', Tags: [] }] }, 'InvalidParameter'],
    [{ DryRun: true }, 'DryRunOperation'],
  ])('%j as %s', async (more, code) => {
    expect(await codeOf(ec2.api.importImage(request(more)))).toBe(code);
    expect((await ec2.api.describeImportImageTasks({})).ImportImageTasks).toEqual([]);
  });

  it('arm64 in the words of AWS', async () => {
    expect(await failure(ec2.api.importImage(request({ Architecture: 'arm64' })))).toEqual({
      code: 'InvalidParameter',
      message: 'Parameter architecture=arm64 has an invalid format.',
    });
  });

  it('a UEFI machine from a snapshot whose platform it does not say', async () => {
    const DiskContainers = [{ SnapshotId: await snapshotOf(guidDisk({ withEfi: true })) }];
    const input = request({ DiskContainers, BootMode: 'uefi' });
    expect(await failure(ec2.api.importImage(input))).toEqual({
      code: 'MissingParameter',
      message: 'The request must contain the parameter platform',
    });
    await ec2.api.importImage({ ...input, Platform: 'Linux' });
  });

  it('a snapshot that is not completed', async () => {
    const { SnapshotId } = await ec2.api.createSnapshot({ VolumeId: await makeVolume(ec2) });
    const input = request({ DiskContainers: [{ SnapshotId }] });
    expect(await codeOf(ec2.api.importImage(input))).toBe('IncorrectState');
  });

  it('more tasks than the quota allows, imports of snapshots counted', async () => {
    for (let i = 0; i < 10; i++) await ec2.api.importImage(request());
    const snapshot = { RoleName: 'landfall-import', DiskContainer: raw('boot.raw') };
    for (let i = 0; i < 10; i++) await ec2.api.importSnapshot(snapshot);
    expect(await codeOf(ec2.api.importImage(request()))).toBe('ResourceCountLimitExceeded');
    expect(await codeOf(ec2.api.importSnapshot(snapshot))).toBe('ResourceCountLimitExceeded');
    ec2.service.quotas.importTasks = undefined;
    await ec2.api.importImage(request());
  });
});

describe('a client token', () => {
  it('is answered with the same task', async () => {
    const input = request({ ClientToken: 'once' });
    const [first, twin] = await Promise.all([ec2.api.importImage(input), ec2.api.importImage(input)]);
    expect(twin).toEqual(first);
    expect(await codeOf(ec2.api.importImage({ ...input, Description: 'another' }))).toBe(
      'IdempotentParameterMismatch',
    );
    expect((await ec2.api.describeImportImageTasks({})).ImportImageTasks).toHaveLength(1);
  });
});

describe('an import of an image fails', () => {
  /** Ends deleting, then deleted, with the message; leaves no snapshot, image or file. */
  async function expectFailure(id: string | undefined, message: string, before: string[]): Promise<void> {
    expect(await taskOf(id)).toMatchObject({ Status: 'deleting', StatusMessage: message });
    await ec2.advance(5);
    const task = await taskOf(id);
    expect(task).toMatchObject({ Status: 'deleted', StatusMessage: message });
    expect([task.ImageId, task.Progress]).toEqual([undefined, undefined]);
    expect(task.SnapshotDetails?.map((detail) => detail.SnapshotId).filter(Boolean)).toEqual([]);
    expect((await ec2.api.describeImages({ Owners: ['self'] })).Images).toEqual([]);
    await ec2.advance(1);
    expect(await files()).toEqual(before);
  }

  it.each([
    ['an all-zero boot disk', Buffer.alloc(4096), {}, 'ClientError: Unknown OS / Missing OS files'],
    ['no boot signature', Buffer.alloc(4096, 'x'), {}, 'ClientError: No bootable partition found'],
    [
      'no EFI system partition',
      linuxDisk(),
      { BootMode: 'uefi' as const },
      'ClientError: No bootable partition found',
    ],
    [
      'a licence of AWS for Linux',
      linuxDisk(),
      { LicenseType: 'AWS' },
      'ClientError: The license type AWS is not supported for Linux',
    ],
    [
      'a licence for another system',
      windowsDisk(),
      { UsageOperation: 'RunInstances:0010' },
      'ClientError: The usage operation RunInstances:0010 is not supported for Windows',
    ],
  ])('with %s', async (_, bytes, more, message) => {
    put('boot.raw', bytes);
    const before = await files();
    const { ImportTaskId } = await ec2.api.importImage(request(more));
    await ec2.advance(UPDATING - 1);
    expect(await taskOf(ImportTaskId)).toMatchObject({ Status: 'active', StatusMessage: 'converting' });
    await ec2.advance(1);
    await expectFailure(ImportTaskId, message, before);
  });

  it('with more than 21 disks', async () => {
    const before = await files();
    const DiskContainers = Array.from({ length: 22 }, () => raw('boot.raw'));
    const { ImportTaskId } = await ec2.api.importImage(request({ DiskContainers }));
    await ec2.advance(VALIDATING);
    const message = 'ClientError: Disk validation failed [22 volumes are more than 21]';
    await expectFailure(ImportTaskId, message, before);
  });

  it('with a disk of 8 TiB, but not with one a little smaller', async () => {
    const snapshots: string[] = [];
    for (const sizeGiB of [8191, 8192]) {
      const VolumeId = await makeVolume(ec2, sizeGiB);
      const { SnapshotId = '' } = await ec2.api.createSnapshot({ VolumeId });
      await ec2.advance(60);
      snapshots.push(SnapshotId);
    }
    const [small, large] = await Promise.all(
      snapshots.map((SnapshotId) =>
        ec2.api.importImage(request({ DiskContainers: [raw('boot.raw'), { SnapshotId }] })),
      ),
    );
    const before = await files();
    await ec2.advance(VALIDATING);
    expect(await taskOf(small?.ImportTaskId)).toMatchObject({ Status: 'active' });
    const message = 'ClientError: Disk validation failed [Disks of an image must be smaller than 8 TiB]';
    await expectFailure(large?.ImportTaskId, message, before);
  });

  it('when an object or a snapshot is gone before it is read', async () => {
    const SnapshotId = await snapshotOf(linuxDisk());
    const ofObject = await ec2.api.importImage(request());
    const ofSnapshot = await ec2.api.importImage(request({ DiskContainers: [{ SnapshotId }] }));
    await ec2.advance(CONVERTING - 1);
    ec2.objects.get('images')?.delete('boot.raw');
    await ec2.api.deleteSnapshot({ SnapshotId });
    await ec2.advance(6);
    expect(await taskOf(ofObject.ImportTaskId)).toMatchObject({
      Status: 'deleted',
      StatusMessage:
        'ClientError: Disk validation failed [We do not have access to the given resource. Reason 404 Not Found]',
    });
    expect(await taskOf(ofSnapshot.ImportTaskId)).toMatchObject({
      Status: 'deleted',
      StatusMessage: `ClientError: Disk validation failed [The snapshot ${SnapshotId} does not exist]`,
    });
  });

  it.each([
    ['begins', CONVERTING - 1],
    ['is over', CONVERTING + 1],
  ])('when its key is disabled before its conversion %s', async (_, seconds) => {
    const before = await files();
    const KmsKeyId = (await ec2.kms.createKey({})).KeyMetadata?.Arn ?? '';
    const { ImportTaskId } = await ec2.api.importImage(request({ Encrypted: true, KmsKeyId }));
    await ec2.advance(seconds);
    await ec2.kms.disableKey({ KeyId: KmsKeyId });
    await ec2.advance(seconds < CONVERTING ? 1 : PREPARING - seconds);
    await expectFailure(ImportTaskId, 'ClientError: The specified KMS key is not accessible', before);
    const again = ec2.api.importImage(request({ Encrypted: true, KmsKeyId }));
    expect(await codeOf(again)).toBe('InvalidParameterValue');
  });

  it('when its new snapshot is deleted before its image is there', async () => {
    const { ImportTaskId } = await ec2.api.importImage(request());
    await ec2.advance(PREPARING);
    const { SnapshotDetails } = await taskOf(ImportTaskId);
    const SnapshotId = SnapshotDetails?.[0]?.SnapshotId ?? '';
    await ec2.api.deleteSnapshot({ SnapshotId });
    await ec2.advance(SECONDS);
    expect(await taskOf(ImportTaskId)).toMatchObject({
      Status: 'deleted',
      StatusMessage: `ClientError: The snapshot ${SnapshotId} does not exist`,
    });
  });

  it('as asked for, after the guest should have booted', async () => {
    const before = await files();
    const message = 'ClientError: Unsupported kernel version';
    const { ImportTaskId } = await ec2.spoiled({ endState: 'deleted', message }).importImage(request());
    await ec2.advance(PREPARING - 1);
    expect(await taskOf(ImportTaskId)).toMatchObject({ Status: 'active', StatusMessage: 'booting' });
    await ec2.advance(1);
    await expectFailure(ImportTaskId, message, before);
  });

  it('in a status of its own when asked for', async () => {
    const { ImportTaskId } = await ec2.spoiled({ endState: 'error' }).importImage(request());
    await ec2.advance(SECONDS);
    expect(await taskOf(ImportTaskId)).toMatchObject({
      Status: 'error',
      StatusMessage: expect.stringMatching(/^ClientError: /),
    });
  });

  it('never, when it is to hang, but can be cancelled', async () => {
    const { ImportTaskId = '' } = await ec2.spoiled({ stuck: true }).importImage(request());
    await ec2.advance(1_000_000);
    expect(await taskOf(ImportTaskId)).toMatchObject({ Status: 'active', StatusMessage: 'pending' });
    expect(await ec2.api.cancelImportTask({ ImportTaskId, CancelReason: 'enough' })).toEqual({
      ImportTaskId,
      PreviousState: 'active',
      State: 'deleting',
    });
    await ec2.advance(5);
    expect(await taskOf(ImportTaskId)).toMatchObject({ Status: 'deleted', StatusMessage: 'enough' });
    expect(await codeOf(ec2.api.cancelImportTask({ ImportTaskId }))).toBe('IncorrectState');
  });

  it.each([
    ['while its bytes are there', UPDATING],
    ['when its snapshots are there', PREPARING],
  ])('by a cancellation %s, which leaves nothing', async (_, seconds) => {
    const before = await files();
    const { ImportTaskId = '' } = await ec2.api.importImage(request());
    await ec2.advance(seconds);
    expect((await files()).length).toBe(before.length + 2);
    await ec2.api.cancelImportTask({ ImportTaskId });
    await expectFailure(ImportTaskId, 'User initiated task cancellation.', before);
  });

  it('by a cancellation in the middle of its bytes, which leaves nothing', async () => {
    const before = await files();
    const { ImportTaskId = '' } = await ec2.api.importImage(request());
    const [gate, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    ec2.reads.before = async () => {
      reached.resolve();
      await gate.promise;
    };
    const converting = ec2.advance(CONVERTING);
    await reached.promise;
    await ec2.api.cancelImportTask({ ImportTaskId });
    gate.resolve();
    await converting;
    await ec2.advance(5);
    expect(await taskOf(ImportTaskId)).toMatchObject({ Status: 'deleted' });
    expect(await files()).toEqual(before);
  });
});

describe('DescribeImportImageTasks', () => {
  it('filters by state, pages, and forgets a task after seven days', async () => {
    const { ImportTaskId = '' } = await ec2.api.importImage(request());
    await ec2.advance(SECONDS);
    await ec2.api.importImage(request());
    const idsBy = async (state: string) => {
      const Filters = [{ Name: 'task-state', Values: [state] }];
      const { ImportImageTasks } = await ec2.api.describeImportImageTasks({ Filters });
      return ImportImageTasks?.map((task) => task.ImportTaskId);
    };
    expect(await idsBy('completed')).toEqual([ImportTaskId]);
    expect(await idsBy('active')).toHaveLength(1);
    expect(await idsBy('deleted')).toEqual([]);
    const first = await ec2.api.describeImportImageTasks({ MaxResults: 1 });
    const { NextToken } = first;
    const second = await ec2.api.describeImportImageTasks({
      MaxResults: 1,
      ...(NextToken ? { NextToken } : {}),
    });
    expect(second.ImportImageTasks).toHaveLength(1);
    expect(second.ImportImageTasks).not.toEqual(first.ImportImageTasks);
    expect(second.NextToken).toBeUndefined();
    await ec2.advance(7 * 86_400 - 1);
    expect((await taskOf(ImportTaskId)).Status).toBe('completed');
    await ec2.advance(1);
    const input = { ImportTaskIds: [ImportTaskId] };
    expect(await codeOf(ec2.api.describeImportImageTasks(input))).toBe('InvalidConversionTaskId');
  });
});

describe('a restart during an import', () => {
  it('goes on with the disk whose bytes it cut, and leaves nothing behind', async () => {
    const before = await files();
    const data = Buffer.alloc(5 * 1024 ** 2, 'landfall');
    put('data.raw', data);
    const DiskContainers = [raw('boot.raw'), raw('data.raw')];
    const { ImportTaskId } = await ec2.api.importImage(request({ DiskContainers }));
    await ec2.advance(74);
    const [gate, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    ec2.reads.before = async (offset) => {
      if (offset < 2 * 1024 ** 2) return;
      reached.resolve();
      await gate.promise;
    };
    const converting = ec2.advance(1);
    await reached.promise;
    expect(await taskOf(ImportTaskId)).toMatchObject({
      StatusMessage: 'converting',
      SnapshotDetails: [{ Status: 'completed' }, { Status: 'active', DiskImageSize: data.length }],
    });
    const stopping = ec2.restart();
    gate.resolve();
    await converting;
    ec2 = await stopping;
    await ec2.advance(SECONDS + 16);
    const task = await taskOf(ImportTaskId);
    expect(task.Status).toBe('completed');
    const copies = task.SnapshotDetails?.map(({ SnapshotId = '' }) => ec2.service.snapshotFile(SnapshotId));
    expect((await startOf(copies?.[0], linuxDisk().length)).equals(linuxDisk())).toBe(true);
    expect((await startOf(copies?.[1], data.length)).equals(data)).toBe(true);
    expect((await files()).length).toBe(before.length + 4);
  });

  it('keeps what was asked of a task that is only pending', async () => {
    const { ImportTaskId } = await ec2.api.importImage(request());
    await ec2.advance(20);
    ec2 = await ec2.restart();
    expect(await taskOf(ImportTaskId)).toMatchObject({ StatusMessage: 'pending' });
    await ec2.advance(SECONDS + 8);
    expect((await taskOf(ImportTaskId)).Status).toBe('completed');
  });
});
