import { open, stat } from 'node:fs/promises';
import type { EC2 } from '@aws-sdk/client-ec2';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guidDisk, linuxDisk, windowsDisk } from './boot-disks.ts';
import { codeOf, openTestEc2, runInstance, type TestEc2 } from './ec2-harness.ts';

type Request = NonNullable<Parameters<EC2['importImage']>[0]>;

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
  put('boot.raw', linuxDisk());
  put('data.raw', Buffer.from('bytes of a data disk'));
});
afterEach(() => ec2.close());

const GIB = 1024 ** 3;

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

/** 1,275 s for the steps, and 8 for each GiB. */
const SECONDS = 1_275;

/** What a task has come to when all its time is over. */
async function imported(more: Partial<Request> = {}) {
  const { ImportTaskId } = await ec2.api.importImage(request(more));
  await ec2.advance(SECONDS + 8 * 4);
  return taskOf(ImportTaskId);
}

async function imageOf(id: string | undefined) {
  const { Images } = await ec2.api.describeImages({ ImageIds: [id ?? ''] });
  return Images?.[0] ?? {};
}

/** The first bytes of a disk's file. */
async function startOf(file: string | undefined, length: number): Promise<Buffer> {
  const handle = await open(file ?? '');
  try {
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer;
  } finally {
    await handle.close();
  }
}

/** A completed snapshot of the account that begins with these bytes. */
async function snapshotOf(bytes: Uint8Array, more: { readonly Encrypted?: boolean } = {}): Promise<string> {
  put('snapshot.raw', bytes);
  const { ImportTaskId = '' } = await ec2.api.importSnapshot({
    RoleName: 'landfall-import',
    DiskContainer: raw('snapshot.raw'),
    ...more,
  });
  await ec2.advance(124);
  const { ImportSnapshotTasks } = await ec2.api.describeImportSnapshotTasks({
    ImportTaskIds: [ImportTaskId],
  });
  return ImportSnapshotTasks?.[0]?.SnapshotTaskDetail?.SnapshotId ?? '';
}

describe('ImportImage', () => {
  it('goes through its steps and tells more with each', async () => {
    const answer = await ec2.api.importImage(
      request({
        Description: 'a machine',
        TagSpecifications: [{ ResourceType: 'import-image-task', Tags: [{ Key: 'k', Value: 'v' }] }],
      }),
    );
    const id = answer.ImportTaskId ?? '';
    expect(id).toMatch(/^import-ami-[0-9a-f]{17}$/);
    const UserBucket = { S3Bucket: 'images', S3Key: 'boot.raw' };
    const common = { ImportTaskId: id, Description: 'a machine', Tags: [{ Key: 'k', Value: 'v' }] };
    const pending = { ...common, Status: 'active', StatusMessage: 'pending', Progress: '2' };
    expect(answer).toEqual({
      ...pending,
      SnapshotDetails: [{ DiskImageSize: 0, Format: 'RAW', UserBucket }],
    });
    expect(await taskOf(id)).toEqual({ ...pending, SnapshotDetails: [] });

    const seen: string[] = [];
    const look = async () => {
      const { Status, StatusMessage, Progress } = await taskOf(id);
      const text = [Status, StatusMessage, Progress].join(' ').trim();
      if (seen.at(-1) !== text) seen.push(text);
    };
    for (let second = 0; second < 240; second += 15) {
      await look();
      await ec2.advance(15);
    }
    const disk = { DiskImageSize: 2_097_152, Format: 'RAW', Status: 'completed', UserBucket };
    expect(await taskOf(id)).toMatchObject({ StatusMessage: 'converting', SnapshotDetails: [disk] });
    for (let second = 240; second < SECONDS + 8; second += 15) {
      await look();
      await ec2.advance(15);
    }
    await look();
    expect(seen).toEqual([
      'active pending 2',
      'active validating 4',
      'active validated 6',
      'active converting 30',
      'active updating 41',
      'active booting 59',
      'active preparing ami 76',
      'completed',
    ]);
    expect(await taskOf(id)).toEqual({
      ...common,
      Status: 'completed',
      ImageId: expect.stringMatching(/^ami-[0-9a-f]{17}$/),
      Architecture: 'x86_64',
      Platform: 'Linux',
      LicenseType: 'BYOL',
      SnapshotDetails: [
        { ...disk, DeviceName: '/dev/sda1', SnapshotId: expect.stringMatching(/^snap-[0-9a-f]{17}$/) },
      ],
    });
    const tags = await ec2.api.describeTags({ Filters: [{ Name: 'resource-id', Values: [id] }] });
    expect(tags.Tags).toEqual([{ Key: 'k', Value: 'v', ResourceId: id, ResourceType: 'import-image-task' }]);
  });

  it('makes an image of the account that its disks’ new snapshots are in', async () => {
    const source = await snapshotOf(linuxDisk());
    const task = await imported({
      DiskContainers: [
        { SnapshotId: source },
        raw('data.raw'),
        { ...raw('data.raw'), DeviceName: '/dev/sdb', Description: 'named' },
        { Format: 'raw', Url: 's3://images/data.raw' },
      ],
      BootMode: 'legacy-bios',
      Platform: 'Linux',
      Architecture: 'x86_64',
      LicenseType: 'BYOL',
      Hypervisor: 'xen',
    });
    expect(task).toMatchObject({ Status: 'completed', BootMode: 'legacy-bios', Hypervisor: 'xen' });
    const details = task.SnapshotDetails ?? [];
    expect(details.map((detail) => detail.DiskImageSize)).toEqual([GIB, 20, 20, 20]);
    expect(details[2]).toMatchObject({ Description: 'named', DeviceName: '/dev/sdb' });
    expect(details[3]).toMatchObject({ Url: 's3://images/data.raw' });
    const ids = details.map((detail) => detail.SnapshotId);
    expect(new Set([...ids, source]).size).toBe(5);
    const ebs = (SnapshotId: string | undefined) => ({
      SnapshotId,
      VolumeSize: 1,
      VolumeType: 'gp2',
      DeleteOnTermination: false,
      Encrypted: false,
    });
    expect(await imageOf(task.ImageId)).toMatchObject({
      State: 'available',
      Name: task.ImportTaskId,
      Description: 'AWS-VMImport service: Linux',
      ImageLocation: `123456789012/${task.ImportTaskId}`,
      OwnerId: '123456789012',
      Public: false,
      Architecture: 'x86_64',
      VirtualizationType: 'hvm',
      BootMode: 'legacy-bios',
      EnaSupport: true,
      PlatformDetails: 'Linux/UNIX',
      UsageOperation: 'RunInstances',
      RootDeviceName: '/dev/sda1',
      BlockDeviceMappings: [
        { DeviceName: '/dev/sda1', Ebs: ebs(ids[0]) },
        { DeviceName: '/dev/sdc', Ebs: ebs(ids[1]) },
        { DeviceName: '/dev/sdb', Ebs: ebs(ids[2]) },
        { DeviceName: '/dev/sdd', Ebs: ebs(ids[3]) },
      ],
      Tags: [],
    });
    const { Snapshots } = await ec2.api.describeSnapshots({ SnapshotIds: [ids[0] ?? ''] });
    expect(Snapshots).toMatchObject([
      {
        State: 'completed',
        OwnerId: '123456789012',
        VolumeId: 'vol-ffffffff',
        Description: `Created by AWS-VMImport service for ${task.ImportTaskId}`,
        Encrypted: false,
        // The first MiB with the partition table, and the partition: one block each.
        FullSnapshotSizeInBytes: 2 * 524_288,
      },
    ]);
  });

  it('changes no byte of any disk on its way to an instance’s volumes (property)', async () => {
    const MIB = 1024 ** 2;
    const pieces = fc.array(
      fc.record({ at: fc.integer({ min: 1024, max: 3 * MIB }), bytes: fc.uint8Array({ maxLength: 70_000 }) }),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(pieces, pieces, async (onBoot, onData) => {
        const boot = Buffer.concat([linuxDisk(), Buffer.alloc(1 * MIB + 70_001)]);
        const data = Buffer.alloc(boot.length);
        for (const { at, bytes } of onBoot) boot.set(bytes, at);
        for (const { at, bytes } of onData) data.set(bytes, at);
        put('boot.raw', boot);
        const SnapshotId = await snapshotOf(data);
        const { ImageId } = await imported({ DiskContainers: [raw('boot.raw'), { SnapshotId }] });
        const instance = await runInstance(ec2, { ImageId });
        const { Volumes } = await ec2.api.describeVolumes({
          Filters: [{ Name: 'attachment.instance-id', Values: [instance] }],
        });
        const volumes = (Volumes ?? []).map((volume) => ({
          device: volume.Attachments?.[0]?.Device,
          file: ec2.service.volumeFile(volume.VolumeId ?? ''),
        }));
        expect(volumes.map((volume) => volume.device)).toEqual(['/dev/sda1', '/dev/sdb']);
        for (const [index, bytes] of [boot, data].entries()) {
          const { file = '' } = volumes[index] ?? {};
          expect((await stat(file)).size).toBe(GIB);
          const start = await startOf(file, bytes.length + MIB);
          expect(start.equals(Buffer.concat([bytes, Buffer.alloc(MIB)]))).toBe(true);
        }
      }),
      { numRuns: 8 },
    );
  });

  it('keeps the image’s snapshots until it is deregistered', async () => {
    const { ImageId = '', SnapshotDetails } = await imported();
    const SnapshotId = SnapshotDetails?.[0]?.SnapshotId ?? '';
    expect(await codeOf(ec2.api.deleteSnapshot({ SnapshotId }))).toBe('InvalidSnapshot.InUse');
    await ec2.api.deregisterImage({ ImageId });
    await ec2.api.deleteSnapshot({ SnapshotId });
    expect((await ec2.api.describeSnapshots({ OwnerIds: ['self'] })).Snapshots).toEqual([]);
  });

  it('does not need its source snapshots any more once it is done', async () => {
    const source = await snapshotOf(linuxDisk('from a snapshot'));
    const { SnapshotDetails } = await imported({ DiskContainers: [{ SnapshotId: source }] });
    const bytes = await startOf(ec2.service.snapshotFile(source), 2 * 1024 ** 2);
    await ec2.api.deleteSnapshot({ SnapshotId: source });
    await ec2.advance(10);
    const copy = ec2.service.snapshotFile(SnapshotDetails?.[0]?.SnapshotId ?? '');
    expect((await startOf(copy, 2 * 1024 ** 2)).equals(bytes)).toBe(true);
    expect(bytes.equals(linuxDisk('from a snapshot'))).toBe(true);
  });

  it.each([
    [{}, 'linux', ['Linux/UNIX', 'RunInstances', 'BYOL']],
    [{}, 'windows', ['Windows', 'RunInstances:0002', 'AWS']],
    [{ LicenseType: 'BYOL' }, 'windows', ['Windows BYOL', 'RunInstances:0800', 'BYOL']],
    [{ Platform: 'Windows' }, 'linux', ['Windows', 'RunInstances:0002', 'AWS']],
    [
      { UsageOperation: 'RunInstances:0010' },
      'linux',
      ['Red Hat Enterprise Linux', 'RunInstances:0010', undefined],
    ],
    [
      { UsageOperation: 'RunInstances:0006' },
      'windows',
      ['Windows with SQL Server Standard', 'RunInstances:0006', undefined],
    ],
  ])('with %j and a %s guest bills as %j', async (more, guest, [details, operation, license]) => {
    put('guest.raw', guest === 'windows' ? windowsDisk() : linuxDisk());
    const task = await imported({ ...more, DiskContainers: [raw('guest.raw')] });
    expect(task.LicenseType).toBe(license);
    const image = await imageOf(task.ImageId);
    expect([image.PlatformDetails, image.UsageOperation]).toEqual([details, operation]);
    expect(image.Platform).toBe(String(details).startsWith('Windows') ? 'windows' : undefined);
    // The licence stays with the disk: an image registered over its snapshot has it too.
    const registered = await ec2.api.registerImage({
      Name: 'again',
      RootDeviceName: '/dev/sda1',
      BlockDeviceMappings: [
        { DeviceName: '/dev/sda1', Ebs: { SnapshotId: task.SnapshotDetails?.[0]?.SnapshotId } },
      ],
    });
    expect((await imageOf(registered.ImageId)).UsageOperation).toBe(operation);
  });

  it('boots by UEFI from a disk with an EFI system partition', async () => {
    put('efi.raw', guidDisk({ withEfi: true }));
    const task = await imported({ DiskContainers: [raw('efi.raw')], BootMode: 'uefi' });
    expect(await imageOf(task.ImageId)).toMatchObject({ BootMode: 'uefi' });
    const id = await runInstance(ec2, { ImageId: task.ImageId ?? '', InstanceType: 'm5.large' });
    const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [id] });
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({ CurrentInstanceBootMode: 'uefi' });
  });

  it('needs an instance type without ENA where the guest has no drivers for it', async () => {
    ec2.service.assumptions.importedGuestsHaveEna = false;
    const { ImageId } = await imported();
    const launch = { ImageId, MinCount: 1, MaxCount: 1 };
    expect((await imageOf(ImageId)).EnaSupport).toBe(false);
    expect(await codeOf(ec2.api.runInstances({ ...launch, InstanceType: 't3.micro' }))).toBe(
      'InvalidParameterCombination',
    );
    await ec2.api.runInstances({ ...launch, InstanceType: 't2.micro' });
  });

  it('encrypts what it makes when asked, and only then', async () => {
    const task = await imported({ Encrypted: true });
    const KmsKeyId = expect.stringMatching(/^arn:aws:kms:us-east-1:123456789012:key\/[0-9a-f-]{36}$/);
    expect(task).toMatchObject({ Encrypted: true, KmsKeyId });
    expect((await imageOf(task.ImageId)).BlockDeviceMappings?.[0]?.Ebs?.Encrypted).toBe(true);
    const SnapshotIds = [task.SnapshotDetails?.[0]?.SnapshotId ?? ''];
    const { Snapshots } = await ec2.api.describeSnapshots({ SnapshotIds });
    expect(Snapshots).toMatchObject([{ Encrypted: true, KmsKeyId: task.KmsKeyId }]);
  });

  it('encrypts with the key that is named', async () => {
    const { KeyMetadata } = await ec2.kms.createKey({});
    await ec2.kms.createAlias({ AliasName: 'alias/imports', TargetKeyId: KeyMetadata?.KeyId ?? '' });
    const task = await imported({ Encrypted: true, KmsKeyId: 'alias/imports' });
    expect(task).toMatchObject({ Status: 'completed', KmsKeyId: KeyMetadata?.Arn });
    const { ImageId } = task;
    const instance = await runInstance(ec2, { ImageId });
    const Filters = [{ Name: 'attachment.instance-id', Values: [instance] }];
    const { Volumes } = await ec2.api.describeVolumes({ Filters });
    expect(Volumes).toMatchObject([{ Encrypted: true, KmsKeyId: KeyMetadata?.Arn }]);
  });

  it('takes an encrypted snapshot only when told that AWS does', async () => {
    const SnapshotId = await snapshotOf(linuxDisk(), { Encrypted: true });
    const DiskContainers = [{ SnapshotId }];
    expect(await codeOf(ec2.api.importImage(request({ DiskContainers })))).toBe('InvalidParameter');
    ec2.service.assumptions.importsOfEncryptedSnapshots = 'accepted';
    const task = await imported({ DiskContainers });
    expect((await imageOf(task.ImageId)).BlockDeviceMappings?.[0]?.Ebs?.Encrypted).toBe(true);
  });

  it('takes 21 disks, named in order', async () => {
    const DiskContainers = [raw('boot.raw'), ...Array.from({ length: 20 }, () => raw('data.raw'))];
    const { ImportTaskId } = await ec2.api.importImage(request({ DiskContainers }));
    await ec2.advance(SECONDS + 21 * 8);
    const task = await taskOf(ImportTaskId);
    const names = task.SnapshotDetails?.map((detail) => detail.DeviceName);
    expect(names?.slice(0, 3)).toEqual(['/dev/sda1', '/dev/sdb', '/dev/sdc']);
    expect(names?.[20]).toBe('/dev/sdu');
    expect((await imageOf(task.ImageId)).BlockDeviceMappings).toHaveLength(21);
  });
});
