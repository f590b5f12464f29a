import { DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import { CreateAliasCommand, CreateKeyCommand, DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type HelperBench, makeHelperBench, until } from '../support/helper-bench.ts';
import { isRestored, MIB, sparseDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
let kms: KMSClient;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
  kms = new KMSClient({
    endpoint: bench.region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
});
afterAll(async () => {
  kms?.destroy();
  await bench?.stop();
});

async function makeKey(): Promise<string> {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  return KeyMetadata?.Arn ?? '';
}

const root = sparseDisk('root', 12 * MIB, { boot: true });
const data = sparseDisk('data', 12 * MIB);
const more = sparseDisk('more', 9 * MIB);

describe('encrypted disks by strategy helper', () => {
  it('get the key that each of them is to have', async () => {
    const [ofRoot, ofData] = [await makeKey(), await makeKey()];
    await kms.send(new CreateAliasCommand({ AliasName: 'alias/data', TargetKeyId: ofData }));
    const restorePoint = await bench.backUp([root, data, more]);
    const { cause, result } = await bench.restore(
      bench.request(restorePoint, {
        disks: [
          { id: 'root', kmsKeyId: ofRoot },
          { id: 'data', kmsKeyId: 'alias/data' },
          { id: 'more', encrypted: true },
        ],
      }),
    );
    expect(cause).toBeUndefined();
    const ids = result?.volumes.map(({ volumeId }) => volumeId) ?? [];
    const { Volumes = [] } = await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: ids }));
    const keys = ids.map((id) => Volumes.find(({ VolumeId }) => VolumeId === id)?.KmsKeyId);
    expect(Volumes.map(({ Encrypted }) => Encrypted)).toEqual([true, true, true]);
    expect(keys.slice(0, 2)).toEqual([ofRoot, ofData]);
    expect([ofRoot, ofData]).not.toContain(keys[2]);
    for (const [index, disk] of [root, data, more].entries()) {
      expect(await isRestored(await bench.volumeFile(ids[index]), disk)).toBe(true);
    }
  });

  it('fail with a word about the key, when EC2 may not use it', async () => {
    const key = await makeKey();
    await kms.send(new DisableKeyCommand({ KeyId: key }));
    const restorePoint = await bench.backUp([root]);
    const ended = await bench.restore(
      bench.request(restorePoint, { disks: [{ id: 'root', kmsKeyId: key }] }),
      'disabled-key',
    );
    expect(ended).toMatchObject({ status: 'FAILED', error: 'EmptyVolumeFailed' });
    expect(ended.cause).toMatch(/^volume vol-[0-9a-f]+ of disk root is \w+; /);
    expect(ended.cause).toContain(key);
    expect(await bench.ownedBy('disabled-key')).toEqual([]);
  });

  it('fail, when the key is disabled before the volume is attached', async () => {
    const key = await makeKey();
    const restorePoint = await bench.backUp([root]);
    const held = bench.region.faults.add({
      service: 'ec2',
      operation: 'AttachVolume',
      caller: bench.functionOf('attach-to-helper'),
      action: { kind: 'hold' },
    });
    const executionArn = await bench.start(
      bench.request(restorePoint, { disks: [{ id: 'root', kmsKeyId: key }] }),
      'disabled-later',
    );
    await until('it is to be attached', () => held.holding === 1);
    await kms.send(new DisableKeyCommand({ KeyId: key }));
    held.release();
    const ended = await bench.ended(executionArn);
    expect(ended).toMatchObject({ status: 'FAILED', error: 'HelperAttachmentFailed' });
    expect(ended.cause).toContain('did not come to helper i-');
    expect(ended.cause).toContain(key);
    expect(await bench.ownedBy('disabled-later')).toEqual([]);
  });
});
