import { open, readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, failure, openTestEc2, type TestEc2 } from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
  put('disk.raw', Buffer.from('a small disk'));
});
afterEach(() => ec2.close());

const GIB = 1024 ** 3;

function put(key: string, bytes: Uint8Array): void {
  const bucket = ec2.objects.get('images') ?? new Map();
  ec2.objects.set('images', bucket.set(key, bytes));
}

const request = (key = 'disk.raw') => ({
  RoleName: 'landfall-import',
  DiskContainer: { Format: 'RAW', UserBucket: { S3Bucket: 'images', S3Key: key } },
});

async function detail(id: string | undefined) {
  const { ImportSnapshotTasks } = await ec2.api.describeImportSnapshotTasks({ ImportTaskIds: [id ?? ''] });
  return ImportSnapshotTasks?.[0]?.SnapshotTaskDetail ?? {};
}

/** 20 s pending, 100 s and 4 s for each GiB converting. */
const SECONDS = 124;

describe('ImportSnapshot', () => {
  it('is pending, downloads and converts, and completes with a snapshot of whole GiB', async () => {
    put('disk.raw', Buffer.concat([Buffer.from('boot'), Buffer.alloc(3 * 1024 ** 2), Buffer.from('end')]));
    const { ImportTaskId = '', SnapshotTaskDetail } = await ec2.api.importSnapshot({
      ...request(),
      Description: 'the first disk',
      TagSpecifications: [{ ResourceType: 'import-snapshot-task', Tags: [{ Key: 'k', Value: 'v' }] }],
    });
    expect(ImportTaskId).toMatch(/^import-snap-[0-9a-f]{17}$/);
    expect(SnapshotTaskDetail).toEqual({
      Status: 'active',
      StatusMessage: 'pending',
      Progress: '3',
      Format: 'RAW',
      DiskImageSize: 0,
      UserBucket: { S3Bucket: 'images', S3Key: 'disk.raw' },
    });
    await ec2.advance(19.9);
    expect(await detail(ImportTaskId)).toMatchObject({ StatusMessage: 'pending', Progress: '3' });
    await ec2.advance(0.1);
    expect(await detail(ImportTaskId)).toMatchObject({
      Status: 'active',
      StatusMessage: 'downloading/converting',
      DiskImageSize: 3_145_735,
      Progress: '88',
    });
    await ec2.advance(103.9);
    expect((await detail(ImportTaskId)).Status).toBe('active');
    await ec2.advance(0.1);
    const done = await detail(ImportTaskId);
    expect(done).toEqual({
      Status: 'completed',
      Format: 'RAW',
      DiskImageSize: 3_145_735,
      SnapshotId: expect.stringMatching(/^snap-[0-9a-f]{17}$/),
      UserBucket: { S3Bucket: 'images', S3Key: 'disk.raw' },
    });
    const { Snapshots } = await ec2.api.describeSnapshots({ SnapshotIds: [done.SnapshotId ?? ''] });
    expect(Snapshots).toMatchObject([
      {
        State: 'completed',
        VolumeId: 'vol-ffffffff',
        VolumeSize: 1,
        OwnerId: '123456789012',
        Description: `Created by AWS-VMImport service for ${ImportTaskId}`,
        Tags: [],
        FullSnapshotSizeInBytes: 2 * 524_288,
      },
    ]);
    const tags = await ec2.api.describeTags({ Filters: [{ Name: 'resource-id', Values: [ImportTaskId] }] });
    expect(tags.Tags).toEqual([
      { Key: 'k', Value: 'v', ResourceId: ImportTaskId, ResourceType: 'import-snapshot-task' },
    ]);
  });

  it('yields a volume with exactly the object’s bytes, then zeros (property)', async () => {
    const MIB = 1024 ** 2;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ at: fc.nat(3 * MIB), bytes: fc.uint8Array({ minLength: 1, maxLength: 70_000 }) }),
          {
            maxLength: 5,
          },
        ),
        fc.nat(2000),
        async (pieces, ragged) => {
          const image = Buffer.alloc(3 * MIB + 70_001 + ragged);
          for (const { at, bytes } of pieces) image.set(bytes, at);
          put('random.raw', image);
          const { ImportTaskId } = await ec2.api.importSnapshot(request('random.raw'));
          await ec2.advance(SECONDS);
          const { SnapshotId = '' } = await detail(ImportTaskId);
          const { VolumeId = '' } = await ec2.api.createVolume({
            AvailabilityZone: 'us-east-1a',
            SnapshotId,
          });
          await ec2.advance(5);
          const file = ec2.service.volumeFile(VolumeId) ?? '';
          expect((await stat(file)).size).toBe(GIB);
          const handle = await open(file);
          const start = Buffer.alloc(image.length + MIB);
          await handle.read(start, 0, start.length, 0);
          await handle.close();
          expect(start.subarray(0, image.length).equals(image)).toBe(true);
          expect(start.subarray(image.length).every((byte) => byte === 0)).toBe(true);
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each([
    [{ RoleName: undefined }, 'InvalidParameter'],
    [{ DiskContainer: undefined }, 'MissingParameter'],
    [
      { DiskContainer: { Format: 'VMDK', UserBucket: { S3Bucket: 'images', S3Key: 'disk.raw' } } },
      'UnsupportedOperation',
    ],
    [
      { DiskContainer: { Format: 'RAW', UserBucket: { S3Bucket: 'nowhere', S3Key: 'disk.raw' } } },
      'InvalidParameter',
    ],
    [
      { DiskContainer: { Format: 'RAW', UserBucket: { S3Bucket: 'images', S3Key: 'nothing' } } },
      'InvalidParameter',
    ],
    [{ DiskContainer: { Format: 'RAW', Url: 'https://example.com/x' } }, 'UnsupportedOperation'],
    [{ Encrypted: true, KmsKeyId: 'rubbish' }, 'InvalidParameterValue'],
    [{ KmsKeyId: 'alias/x' }, 'InvalidParameterDependency'],
    [{ TagSpecifications: [{ ResourceType: 'snapshot' as const, Tags: [] }] }, 'InvalidParameter'],
    [{ DryRun: true }, 'DryRunOperation'],
  ])('refuses %j as %s', async (more, code) => {
    expect(await codeOf(ec2.api.importSnapshot({ ...request(), ...more }))).toBe(code);
    expect((await ec2.api.describeImportSnapshotTasks({})).ImportSnapshotTasks).toEqual([]);
  });

  it('refuses an empty object in the words of AWS', async () => {
    put('empty.raw', Buffer.alloc(0));
    expect(await failure(ec2.api.importSnapshot(request('empty.raw')))).toEqual({
      code: 'InvalidParameter',
      message: 'Parameter disk-image-size=0 has an invalid format.',
    });
  });

  it('takes s3:// URLs too', async () => {
    const container = { Format: 'raw', Url: 's3://images/disk.raw' };
    const { ImportTaskId } = await ec2.api.importSnapshot({ ...request(), DiskContainer: container });
    await ec2.advance(SECONDS);
    expect(await detail(ImportTaskId)).toMatchObject({ Status: 'completed', Url: 's3://images/disk.raw' });
  });

  it('answers the same client token with the same task', async () => {
    const input = { ...request(), ClientToken: 'disk-1' };
    const [first, twin] = await Promise.all([ec2.api.importSnapshot(input), ec2.api.importSnapshot(input)]);
    expect(twin.ImportTaskId).toBe(first.ImportTaskId);
    const other = { ...input, Description: 'another' };
    expect(await codeOf(ec2.api.importSnapshot(other))).toBe('IdempotentParameterMismatch');
    expect((await ec2.api.describeImportSnapshotTasks({})).ImportSnapshotTasks).toHaveLength(1);
  });

  it('lets twenty tasks be active at once, unless the quota is switched off', async () => {
    for (let i = 0; i < 20; i++) await ec2.api.importSnapshot(request());
    expect(await codeOf(ec2.api.importSnapshot(request()))).toBe('ResourceCountLimitExceeded');
    ec2.service.quotas.importTasks = undefined;
    await ec2.api.importSnapshot(request());
    ec2.service.quotas.importTasks = 20;
    await ec2.advance(SECONDS);
    await ec2.api.importSnapshot(request());
    const active = await ec2.api.describeImportSnapshotTasks({
      Filters: [{ Name: 'task-state', Values: ['active'] }],
      MaxResults: 1,
    });
    expect(active.ImportSnapshotTasks).toHaveLength(1);
    expect(active.NextToken).toBeUndefined();
  });
});

describe('imports that end badly', () => {
  const files = async () => readdir(dirname(ec2.service.snapshotFile('snap-0a11d00000a12023a') ?? ''));

  it('go to deleting and deleted with the message that was asked for, and leave nothing', async () => {
    const before = await files();
    const message = 'ClientError: Disk validation failed [Unsupported specified file format]';
    const { ImportTaskId } = await ec2.spoiled({ endState: 'deleted', message }).importSnapshot(request());
    await ec2.advance(SECONDS);
    expect(await detail(ImportTaskId)).toMatchObject({ Status: 'deleting', StatusMessage: message });
    await ec2.advance(5);
    const end = await detail(ImportTaskId);
    expect(end).toMatchObject({ Status: 'deleted', StatusMessage: message });
    expect(end.SnapshotId).toBeUndefined();
    expect(end.Progress).toBeUndefined();
    expect((await ec2.api.describeSnapshots({ OwnerIds: ['self'] })).Snapshots).toEqual([]);
    expect(await files()).toEqual(before);
  });

  it('fail when the object is gone before it is read', async () => {
    const { ImportTaskId } = await ec2.api.importSnapshot(request());
    ec2.objects.get('images')?.delete('disk.raw');
    await ec2.advance(25);
    expect(await detail(ImportTaskId)).toMatchObject({
      Status: 'deleted',
      StatusMessage:
        'ClientError: Disk validation failed [We do not have access to the given resource. Reason 404 Not Found]',
    });
  });

  it('hang for ever when asked to, and can be cancelled', async () => {
    const { ImportTaskId = '' } = await ec2.spoiled({ stuck: true }).importSnapshot(request());
    await ec2.advance(1_000_000);
    expect((await detail(ImportTaskId)).Status).toBe('active');
    expect(await ec2.api.cancelImportTask({ ImportTaskId, CancelReason: 'enough' })).toEqual({
      ImportTaskId,
      PreviousState: 'active',
      State: 'deleting',
    });
    await ec2.advance(5);
    expect(await detail(ImportTaskId)).toMatchObject({ Status: 'deleted', StatusMessage: 'enough' });
    expect(await codeOf(ec2.api.cancelImportTask({ ImportTaskId }))).toBe('IncorrectState');
  });

  it('can be cancelled after the bytes were read, and leave none', async () => {
    const before = await files();
    const { ImportTaskId = '' } = await ec2.api.importSnapshot(request());
    await ec2.advance(30);
    expect((await files()).length).toBe(before.length + 2);
    await ec2.api.cancelImportTask({ ImportTaskId });
    await ec2.advance(SECONDS);
    expect((await detail(ImportTaskId)).Status).toBe('deleted');
    expect(await files()).toEqual(before);
  });

  it('are forgotten after seven days', async () => {
    const { ImportTaskId = '' } = await ec2.api.importSnapshot(request());
    await ec2.advance(SECONDS + 7 * 86_400 - 1);
    expect((await detail(ImportTaskId)).Status).toBe('completed');
    await ec2.advance(1);
    const input = { ImportTaskIds: [ImportTaskId] };
    expect(await codeOf(ec2.api.describeImportSnapshotTasks(input))).toBe('InvalidConversionTaskId');
  });
});
