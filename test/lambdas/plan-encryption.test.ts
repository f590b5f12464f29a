import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DisableEbsEncryptionByDefaultCommand,
  EnableEbsEncryptionByDefaultCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { manifestSchema } from '../../core/model/manifest.ts';
import { describeFinding, type RestoreRequestInput, restoreRequestSchema } from '../../core/model/request.ts';
import { planDisks } from '../../lambdas/restore/plan/disks.ts';
import { settleEncryption } from '../../lambdas/restore/plan/encryption.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { ec2 } from '../../lambdas/runtime/ec2.ts';
import { kms } from '../../lambdas/runtime/kms.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { FUNCTION_ENVIRONMENT } from '../support/function-environment.ts';

const MRK = `mrk-${'0'.repeat(32)}`;

let region: Region;
let stateFolder: string;
beforeAll(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), 'landfall-encryption-'));
  region = await startRegion({ stateFolder, port: 0 });
  Object.assign(process.env, FUNCTION_ENVIRONMENT, { AWS_ENDPOINT_URL: region.endpoint });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await ec2.send(new DisableEbsEncryptionByDefaultCommand({}));
});
afterAll(async () => {
  await region?.stop();
  await rm(stateFolder, { recursive: true, force: true });
});

const makeKey = async (): Promise<string> =>
  (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';

type Wish = NonNullable<RestoreRequestInput['disks']>[number];

/** What a request makes of a disk whose source volume was like `volume`, and what is found. */
async function settle(wish: Omit<Wish, 'id'> = {}, volume: object = {}) {
  const request = restoreRequestSchema.parse({
    restorePoint: { workload: 'web01' },
    disks: Object.keys(wish).length === 0 ? [] : [{ id: 'root', ...wish }],
  });
  const manifest = manifestSchema.parse({
    format: 1,
    workload: { name: 'web01', kind: 'ec2', platform: 'linux', architecture: 'x86_64' },
    time: '2026-11-22T09:30:00.000Z',
    disks: [
      {
        id: 'root',
        size: 1024 ** 3,
        order: 0,
        boot: true,
        object: 'c'.repeat(64),
        diskDigest: 'd'.repeat(64),
        writtenDigest: 'e'.repeat(64),
        writtenBlocks: 1,
        segmentBytes: 1024 ** 3,
        volume,
      },
    ],
  });
  const findings = new Findings();
  const planned = planDisks(manifest, request, { rootDeviceName: '/dev/xvda', findings });
  const [disk] = await settleEncryption(planned, { request, findings });
  return {
    encrypted: disk?.encrypted,
    key: disk?.kmsKeyId,
    errors: findings.errors.map(describeFinding),
    warnings: findings.warnings.map(describeFinding),
    notKnown: findings.allNotKnown,
  };
}

const FINE = { errors: [], warnings: [], notKnown: [] };

describe('what encrypts a disk', () => {
  it('is nothing, where nobody asks for it', async () => {
    expect(await settle()).toEqual({ ...FINE, encrypted: false, key: undefined });
  });

  it('is the key that is asked for, by its ARN from then on', async () => {
    const arn = await makeKey();
    await kms.send(new CreateAliasCommand({ AliasName: 'alias/disks', TargetKeyId: arn }));
    for (const kmsKeyId of [arn, arn.split('/').at(-1) ?? '', 'alias/disks']) {
      expect(await settle({ kmsKeyId })).toEqual({ ...FINE, encrypted: true, key: arn });
    }
  });

  it('is the account’s default where the account encrypts everything, also against a wish', async () => {
    await ec2.send(new EnableEbsEncryptionByDefaultCommand({}));
    expect(await settle()).toEqual({ ...FINE, encrypted: true, key: undefined });
    expect(await settle({ encrypted: false })).toEqual({
      ...FINE,
      encrypted: true,
      key: undefined,
      warnings: [
        'disks[0].encrypted = false: the account encrypts every new volume by default: this one is encrypted too, with the default key for EBS. Leave it out, name a key with disks[].kmsKeyId, or turn the account’s setting off',
      ],
    });
  });

  it('is the default where the source’s key is gone, or has no replica here', async () => {
    const gone = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-4333-8444-555555555555';
    const elsewhere = `arn:aws:kms:eu-west-1:123456789012:key/${MRK}`;
    for (const kmsKeyId of [gone, elsewhere]) {
      const { warnings, ...settled } = await settle({}, { encrypted: true, kmsKeyId });
      expect(settled).toEqual({ encrypted: true, key: undefined, errors: [], notKnown: [] });
      expect(warnings).toEqual([
        expect.stringMatching(
          /^disk root\.kmsKeyId = .*: the source volume’s key does not exist here; the default key/,
        ),
      ]);
    }
  });

  it('is the replica of the source’s key, where there is one here', async () => {
    const arn = `arn:aws:kms:us-east-1:123456789012:key/${MRK}`;
    answerKey(MRK, { Arn: arn });
    const kmsKeyId = `arn:aws:kms:eu-west-1:123456789012:key/${MRK}`;
    expect(await settle({}, { encrypted: true, kmsKeyId })).toEqual({ ...FINE, encrypted: true, key: arn });
    // Who asks for the key by the other Region's ARN is told of it.
    const { errors } = await settle({ kmsKeyId });
    expect(errors).toEqual([
      `disks[0].kmsKeyId = ${kmsKeyId}: is of Region eu-west-1; EBS takes keys of its own Region, us-east-1. Give its replica here, ${arn}`,
    ]);
  });
});

describe('a key that cannot be used', () => {
  it('is refused, whether it is asked for or the source’s', async () => {
    const disabled = await makeKey();
    await kms.send(new DisableKeyCommand({ KeyId: disabled }));
    const doomed = await makeKey();
    await kms.send(new ScheduleKeyDeletionCommand({ KeyId: doomed }));
    expect((await settle({ kmsKeyId: disabled })).errors).toEqual([
      `disks[0].kmsKeyId = ${disabled}: is in state Disabled, so nothing can be encrypted with it. Enable it (aws kms enable-key), or give another`,
    ]);
    expect((await settle({}, { encrypted: true, kmsKeyId: doomed })).errors).toEqual([
      `disk root.kmsKeyId = ${doomed}: is in state PendingDeletion, so nothing can be encrypted with it. Give another key, by its id, alias or ARN, or leave it out for the default key`,
    ]);
  });

  it('is refused where it does not exist, is of another account or of another kind', async () => {
    expect((await settle({ kmsKeyId: 'alias/none' })).errors).toEqual([
      'disks[0].kmsKeyId = alias/none: does not exist here. Give another key, by its id, alias or ARN, or leave it out for the default key',
    ]);
    const others = 'arn:aws:kms:us-east-1:999999999999:key/11111111-2222-4333-8444-555555555555';
    expect((await settle({ kmsKeyId: others })).errors).toEqual([
      expect.stringContaining(
        'is of account 999999999999; the stack may use the keys of its own account, 123456789012',
      ),
    ]);
    answerKey('alias/signing', { KeySpec: 'RSA_4096', KeyUsage: 'SIGN_VERIFY', Arn: 'arn' });
    expect((await settle({ kmsKeyId: 'alias/signing' })).errors).toEqual([
      expect.stringContaining('is of kind RSA_4096 for SIGN_VERIFY; EBS takes symmetric keys'),
    ]);
  });

  it('is no error where KMS does not tell: it is told as not known', async () => {
    region.faults.add({
      service: 'kms',
      operation: 'DescribeKey',
      action: { kind: 'error', code: 'AccessDeniedException', message: 'no' },
    });
    expect(await settle({ kmsKeyId: 'alias/secret' })).toMatchObject({
      encrypted: true,
      key: 'alias/secret',
      errors: [],
      notKnown: [{ what: 'state of the key alias/secret', why: 'AccessDeniedException: no' }],
    });
    expect(region.faults.unhit()).toEqual([]);
  });
});

/** Answers for a key of a kind that the region has none of; all others are the region's to answer. */
function answerKey(name: string, metadata: object): void {
  const send = kms.send.bind(kms);
  vi.spyOn(kms, 'send').mockImplementation((async (command: Parameters<typeof send>[0]) => {
    if (!(command instanceof DescribeKeyCommand) || command.input.KeyId !== name) return send(command);
    const usable = { KeyState: 'Enabled', KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' };
    return { KeyMetadata: { ...usable, ...metadata } };
  }) as never);
}
