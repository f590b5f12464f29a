import { createHash } from 'node:crypto';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AL2023_X86,
  codeOf,
  failure,
  makeVolume,
  openTestEc2,
  runInstance,
  type TestEc2,
  volumeOf,
} from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

async function write(file: string, offset: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, offset);
  await handle.close();
}

async function read(file: string, offset: number, length: number): Promise<Buffer> {
  const handle = await open(file, 'r');
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, offset);
  await handle.close();
  return buffer;
}

const volumeFile = (id: string): string => ec2.service.volumeFile(id) ?? '';
const snapshotFile = (id: string): string => ec2.service.snapshotFile(id) ?? '';
const pattern = (length: number, seed: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed) % 251;
  return bytes;
};

async function snapshotOf(VolumeId: string): Promise<string> {
  const { SnapshotId = '' } = await ec2.api.createSnapshot({ VolumeId });
  await ec2.advance(60);
  return SnapshotId;
}

describe('snapshots and the volumes made from them', () => {
  it('carry exactly the bytes of the volume, holes and all', async () => {
    const source = await makeVolume(ec2, 1);
    const [head, tail] = [pattern(3 * MIB + 17, 1), pattern(1000, 2)];
    await write(volumeFile(source), 700_001, head);
    await write(volumeFile(source), GIB - 1000, tail);
    const snapshot = await snapshotOf(source);
    const { VolumeId: copy = '' } = await ec2.api.createVolume({
      AvailabilityZone: 'us-east-1b',
      SnapshotId: snapshot,
      VolumeType: 'gp3',
      Size: 3,
    });
    await ec2.advance(5);
    expect((await volumeOf(ec2, copy)).State).toBe('available');
    for (const [file, size] of [
      [snapshotFile(snapshot), GIB],
      [volumeFile(copy), 3 * GIB],
    ] as const) {
      const info = await stat(file);
      expect(info.size).toBe(size);
      // 3 MiB and a little: everything else stays a hole.
      expect(info.blocks * 512).toBeLessThan(4 * MIB);
      expect((await read(file, 700_001, head.length)).equals(head)).toBe(true);
      expect((await read(file, GIB - 1000, 1000)).equals(tail)).toBe(true);
      expect((await read(file, 0, 700_001)).every((byte) => byte === 0)).toBe(true);
      expect((await read(file, 4 * MIB, MIB)).every((byte) => byte === 0)).toBe(true);
    }
    const [s1, s2, s3] = await Promise.all(
      [volumeFile(source), snapshotFile(snapshot), volumeFile(copy)].map((file) => stat(file)),
    );
    expect(new Set([s1?.ino, s2?.ino, s3?.ino]).size).toBe(3);
  });

  it('list the non-zero 512 KiB blocks beside the snapshot', async () => {
    const source = await makeVolume(ec2);
    // Bytes in blocks 0, 2 and 3, and the last one, 2047.
    await write(volumeFile(source), 0, Buffer.from('a'));
    await write(volumeFile(source), 3 * 524_288 - 1, Buffer.from('bb'));
    await write(volumeFile(source), GIB - 1, Buffer.from('c'));
    const snapshot = await snapshotOf(source);
    const list = JSON.parse(await readFile(`${snapshotFile(snapshot)}.blocks.json`, 'utf8'));
    expect(list).toMatchObject({
      blockBytes: 524_288,
      runs: [
        [0, 1],
        [2, 2],
        [2047, 1],
      ],
    });
    const { Snapshots } = await ec2.api.describeSnapshots({ SnapshotIds: [snapshot] });
    expect(Snapshots?.[0]?.FullSnapshotSizeInBytes).toBe(4 * 524_288);
  });

  it('see what was written to a volume that came from a snapshot, however soon after', async () => {
    const first = await makeVolume(ec2);
    await write(volumeFile(first), 0, Buffer.from('first'));
    const { VolumeId: second = '' } = await ec2.api.createVolume({
      AvailabilityZone: 'us-east-1a',
      SnapshotId: await snapshotOf(first),
    });
    await ec2.advance(5);
    await write(volumeFile(second), 900 * MIB, Buffer.from('second'));
    const { VolumeId: third = '' } = await ec2.api.createVolume({
      AvailabilityZone: 'us-east-1a',
      SnapshotId: await snapshotOf(second),
    });
    await ec2.advance(5);
    expect((await read(volumeFile(third), 0, 5)).toString()).toBe('first');
    expect((await read(volumeFile(third), 900 * MIB, 6)).toString()).toBe('second');
    expect((await read(volumeFile(first), 900 * MIB, 6)).every((byte) => byte === 0)).toBe(true);
  });

  it('give an instance its image’s bytes as root', async () => {
    const id = await runInstance(ec2, { ImageId: AL2023_X86 });
    const { Volumes } = await ec2.api.describeVolumes({
      Filters: [{ Name: 'attachment.instance-id', Values: [id] }],
    });
    const root = await read(volumeFile(Volumes?.[0]?.VolumeId ?? ''), 0, 512);
    expect(root.subarray(0, 22).toString()).toBe('landfall local region:');
    expect(root.subarray(510)).toEqual(Buffer.from([0x55, 0xaa]));
  });
});

describe('CreateSnapshot', () => {
  it('is pending for thirty seconds, then completed, and says so in an event', async () => {
    const source = await makeVolume(ec2);
    const asked = {
      VolumeId: source,
      Description: 'before the storm',
      TagSpecifications: [{ ResourceType: 'snapshot' as const, Tags: [{ Key: 'a', Value: 'b' }] }],
    };
    const { SnapshotId = '', State } = await ec2.api.createSnapshot(asked);
    expect(State).toBe('pending');
    const now = async () => (await ec2.api.describeSnapshots({ SnapshotIds: [SnapshotId] })).Snapshots?.[0];
    await ec2.advance(29.9);
    expect(await now()).toMatchObject({ State: 'pending' });
    const early = { AvailabilityZone: 'us-east-1a', SnapshotId };
    expect(await codeOf(ec2.api.createVolume(early))).toBe('IncorrectState');
    await ec2.advance(0.1);
    expect(await now()).toMatchObject({
      State: 'completed',
      Progress: '100%',
      VolumeId: source,
      VolumeSize: 1,
      OwnerId: '123456789012',
      Description: 'before the storm',
      FullSnapshotSizeInBytes: 0,
      Tags: [{ Key: 'a', Value: 'b' }],
    });
    const { Volumes = [] } = await ec2.api.describeVolumes({ VolumeIds: [source] });
    expect(Volumes).toHaveLength(1);
    expect(ec2.events.at(-1)).toMatchObject({
      detailType: 'EBS Snapshot Notification',
      resources: [`arn:aws:ec2::us-east-1:snapshot/${SnapshotId}`],
      detail: {
        event: 'createSnapshot',
        result: 'succeeded',
        snapshot_id: `arn:aws:ec2::us-east-1:snapshot/${SnapshotId}`,
        source: `arn:aws:ec2::us-east-1:volume/${source}`,
      },
    });
    const small = { AvailabilityZone: 'us-east-1a', SnapshotId: 'snap-0a11d0000000d2022', Size: 29 };
    expect(await codeOf(ec2.api.createVolume(small))).toBe('InvalidParameterValue');
  });

  it('outlives its volume, even one deleted while it is taken', async () => {
    const source = await makeVolume(ec2);
    await write(volumeFile(source), 5000, Buffer.from('kept'));
    const { SnapshotId = '' } = await ec2.api.createSnapshot({ VolumeId: source });
    await ec2.api.deleteVolume({ VolumeId: source });
    await ec2.advance(60);
    expect((await read(snapshotFile(SnapshotId), 5000, 4)).toString()).toBe('kept');
    expect(await codeOf(ec2.api.describeVolumes({ VolumeIds: [source] }))).toBe('InvalidVolume.NotFound');
  });

  it('ends in error when asked to', async () => {
    const source = await makeVolume(ec2);
    const { SnapshotId = '' } = await ec2
      .spoiled({ endState: 'error', message: 'lost' })
      .createSnapshot({ VolumeId: source });
    await ec2.advance(60);
    const { Snapshots } = await ec2.api.describeSnapshots({ SnapshotIds: [SnapshotId] });
    expect(Snapshots?.[0]).toMatchObject({ State: 'error', StateMessage: 'lost' });
  });

  it('takes all volumes of an instance at once', async () => {
    const id = await runInstance(ec2);
    const data = await makeVolume(ec2);
    await ec2.api.createTags({ Resources: [data], Tags: [{ Key: 'disk', Value: 'data' }] });
    await ec2.api.attachVolume({ InstanceId: id, VolumeId: data, Device: '/dev/sdf' });
    await ec2.advance(3);
    const { Snapshots } = await ec2.api.createSnapshots({
      InstanceSpecification: { InstanceId: id, ExcludeBootVolume: true },
      CopyTagsFromSource: 'volume',
    });
    expect(Snapshots).toMatchObject([{ VolumeId: data, Tags: [{ Key: 'disk', Value: 'data' }] }]);
  });
});

describe('DeleteSnapshot', () => {
  it('takes the bytes away, but not under an image', async () => {
    const source = await makeVolume(ec2);
    const snapshot = await snapshotOf(source);
    const file = snapshotFile(snapshot);
    const { ImageId = '' } = await ec2.api.registerImage({
      Name: 'over it',
      RootDeviceName: '/dev/sda1',
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { SnapshotId: snapshot } }],
    });
    expect(await failure(ec2.api.deleteSnapshot({ SnapshotId: snapshot }))).toEqual({
      code: 'InvalidSnapshot.InUse',
      message: `The snapshot ${snapshot} is currently in use by ${ImageId}`,
    });
    await ec2.api.deregisterImage({ ImageId });
    await ec2.api.deleteSnapshot({ SnapshotId: snapshot });
    expect(await codeOf(ec2.api.describeSnapshots({ SnapshotIds: [snapshot] }))).toBe(
      'InvalidSnapshot.NotFound',
    );
    await ec2.advance(1);
    expect((await readdir(dirname(file))).filter((name) => name.startsWith(snapshot))).toEqual([]);
  });

  it('lets a volume that is being made have its bytes first', async () => {
    const source = await makeVolume(ec2);
    await write(volumeFile(source), 0, Buffer.from('needed'));
    const snapshot = await snapshotOf(source);
    const file = snapshotFile(snapshot);
    const { VolumeId = '' } = await ec2.api.createVolume({
      AvailabilityZone: 'us-east-1a',
      SnapshotId: snapshot,
    });
    await ec2.api.deleteSnapshot({ SnapshotId: snapshot });
    await ec2.advance(5);
    expect((await volumeOf(ec2, VolumeId)).State).toBe('available');
    expect((await read(volumeFile(VolumeId), 0, 6)).toString()).toBe('needed');
    await ec2.advance(5);
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('refuses what belongs to Amazon', async () => {
    const input = { SnapshotId: 'snap-0a11d00000a12023a' };
    expect(await codeOf(ec2.api.deleteSnapshot(input))).toBe('OperationNotPermitted');
  });
});

it('digests of seeded images are what the documentation says of them', async () => {
  const bytes = await read(snapshotFile('snap-0a11d00000a12023a'), 0, 512);
  const text = 'landfall local region: al2023-ami-2023.9.20261101.0-kernel-6.18-x86_64; nothing here boots';
  const sector = Buffer.alloc(512);
  sector.write(text);
  sector[510] = 0x55;
  sector[511] = 0xaa;
  const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
  expect(digest(bytes)).toBe(digest(sector));
});
