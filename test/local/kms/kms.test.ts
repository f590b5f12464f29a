import { KMS } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

/** KMS through the region's server, with the SDK. */

let at: TestRegion;
let kms: KMS;
const clientOf = (region: TestRegion): KMS =>
  new KMS({
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
beforeAll(async () => {
  at = await startTestRegion();
  kms = clientOf(at);
});
afterAll(async () => {
  kms.destroy();
  await at.dispose();
});

const nameOf = (call: Promise<unknown>) =>
  call.then(
    () => 'no error',
    (error: Error) => error.name,
  );

async function makeKey(): Promise<{ id: string; arn: string }> {
  const { KeyMetadata } = await kms.createKey({});
  return { id: KeyMetadata?.KeyId ?? '', arn: KeyMetadata?.Arn ?? '' };
}

const stateOf = async (key: string) =>
  (await kms.describeKey({ KeyId: key })).KeyMetadata?.KeyState ?? 'unknown';

describe('a key', () => {
  it('is made with an id, an ARN and tags, and described by either', async () => {
    const { KeyMetadata } = await kms.createKey({
      Description: 'for disks',
      Tags: [{ TagKey: 'team', TagValue: 'restore' }],
    });
    const { KeyId = '', Arn } = KeyMetadata ?? {};
    expect(KeyId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(KeyMetadata).toMatchObject({
      Arn: `arn:aws:kms:us-east-1:123456789012:key/${KeyId}`,
      AWSAccountId: '123456789012',
      Enabled: true,
      KeyState: 'Enabled',
      KeyManager: 'CUSTOMER',
      KeySpec: 'SYMMETRIC_DEFAULT',
      KeyUsage: 'ENCRYPT_DECRYPT',
    });
    expect(KeyMetadata?.CreationDate).toBeInstanceOf(Date);
    expect((await kms.describeKey({ KeyId: Arn })).KeyMetadata).toEqual(KeyMetadata);
    expect((await kms.listResourceTags({ KeyId })).Tags).toEqual([{ TagKey: 'team', TagValue: 'restore' }]);
    await expect(kms.describeKey({ KeyId: '0'.repeat(36) })).rejects.toMatchObject({
      name: 'NotFoundException',
      message: `Key 'arn:aws:kms:us-east-1:123456789012:key/${'0'.repeat(36)}' does not exist`,
    });
    const elsewhere = Arn?.replace('us-east-1', 'eu-west-1');
    expect(await nameOf(kms.describeKey({ KeyId: elsewhere }))).toBe('NotFoundException');
  });

  it('goes through its states', async () => {
    const { id, arn } = await makeKey();
    await kms.disableKey({ KeyId: id });
    expect((await kms.describeKey({ KeyId: id })).KeyMetadata).toMatchObject({
      Enabled: false,
      KeyState: 'Disabled',
    });
    await kms.enableKey({ KeyId: arn });
    expect(await stateOf(id)).toBe('Enabled');
    const doomed = await kms.scheduleKeyDeletion({ KeyId: id, PendingWindowInDays: 7 });
    expect(doomed).toMatchObject({ KeyId: arn, KeyState: 'PendingDeletion', PendingWindowInDays: 7 });
    const days = ((doomed.DeletionDate?.getTime() ?? 0) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    expect(days).toBeLessThanOrEqual(7);
    for (const refused of [
      kms.enableKey({ KeyId: id }),
      kms.disableKey({ KeyId: id }),
      kms.scheduleKeyDeletion({ KeyId: id }),
      kms.createAlias({ AliasName: 'alias/doomed', TargetKeyId: id }),
    ]) {
      await expect(refused).rejects.toMatchObject({
        name: 'KMSInvalidStateException',
        message: `${arn} is pending deletion.`,
      });
    }
    expect(await kms.cancelKeyDeletion({ KeyId: id })).toMatchObject({ KeyId: arn });
    expect((await kms.describeKey({ KeyId: id })).KeyMetadata).toMatchObject({ KeyState: 'Disabled' });
    expect((await kms.describeKey({ KeyId: id })).KeyMetadata?.DeletionDate).toBeUndefined();
    expect(await nameOf(kms.cancelKeyDeletion({ KeyId: id }))).toBe('KMSInvalidStateException');
    expect(await nameOf(kms.scheduleKeyDeletion({ KeyId: id, PendingWindowInDays: 31 }))).toBe(
      'ValidationException',
    );
  });

  it('is symmetric, and nothing else', async () => {
    expect(await nameOf(kms.createKey({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' }))).toBe(
      'UnsupportedOperationException',
    );
    expect(await nameOf(kms.createKey({ MultiRegion: true }))).toBe('UnsupportedOperationException');
    expect(await nameOf(kms.createKey({ XksKeyId: 'x' }))).toBe('UnsupportedOperationException');
    await expect(kms.encrypt({ KeyId: 'x', Plaintext: Buffer.from('x') })).rejects.toMatchObject({
      name: 'UnknownOperationException',
    });
  });

  it('is throttled by a fault rule', async () => {
    const fault = at.region.faults.add({
      service: 'kms',
      operation: 'ListKeys',
      action: { kind: 'throttle' },
    });
    expect(await nameOf(kms.listKeys({}))).toBe('ThrottlingException');
    expect(fault.hits).toBe(1);
    expect(at.region.calls.entries({ service: 'kms', operation: 'ListKeys' })).toMatchObject([
      { result: 'ThrottlingException' },
    ]);
  });
});

describe('an alias', () => {
  it('names a key by its name and its ARN, until it is deleted', async () => {
    const { id, arn } = await makeKey();
    const AliasName = 'alias/disks/of-web01';
    await kms.createAlias({ AliasName, TargetKeyId: id });
    const AliasArn = `arn:aws:kms:us-east-1:123456789012:${AliasName}`;
    for (const KeyId of [AliasName, AliasArn]) {
      expect((await kms.describeKey({ KeyId })).KeyMetadata?.Arn).toBe(arn);
    }
    expect((await kms.listAliases({ KeyId: id })).Aliases).toMatchObject([
      { AliasName, AliasArn, TargetKeyId: id },
    ]);
    expect(await nameOf(kms.createAlias({ AliasName, TargetKeyId: id }))).toBe('AlreadyExistsException');
    // As on AWS, only describing takes an alias.
    expect(await nameOf(kms.disableKey({ KeyId: AliasName }))).toBe('NotFoundException');
    await kms.deleteAlias({ AliasName });
    expect(await nameOf(kms.deleteAlias({ AliasName }))).toBe('NotFoundException');
    await expect(kms.describeKey({ KeyId: AliasName })).rejects.toMatchObject({
      message: `Alias '${AliasArn}' does not exist`,
    });
    for (const bad of ['disks', 'alias/', 'alias/aws/mine', 'alias/a b']) {
      expect(await nameOf(kms.createAlias({ AliasName: bad, TargetKeyId: id })), bad).toBe(
        'InvalidAliasNameException',
      );
    }
    expect(await nameOf(kms.createAlias({ AliasName: 'alias/x', TargetKeyId: 'none' }))).toBe(
      'NotFoundException',
    );
  });

  it('of EBS’s own key is there from the start, and is not to be touched', async () => {
    const { KeyMetadata } = await kms.describeKey({ KeyId: 'alias/aws/ebs' });
    expect(KeyMetadata).toMatchObject({ KeyManager: 'AWS', KeyState: 'Enabled' });
    const KeyId = KeyMetadata?.KeyId;
    expect(await nameOf(kms.disableKey({ KeyId }))).toBe('AccessDeniedException');
    expect(await nameOf(kms.scheduleKeyDeletion({ KeyId }))).toBe('AccessDeniedException');
    expect(await nameOf(kms.deleteAlias({ AliasName: 'alias/aws/ebs' }))).toBe('NotFoundException');
  });
});

it('lists keys and aliases by page, and keeps them over a restart', async () => {
  const { id } = await makeKey();
  await kms.createAlias({ AliasName: 'alias/kept', TargetKeyId: id });
  await kms.disableKey({ KeyId: id });
  const all = (await kms.listKeys({})).Keys ?? [];
  const paged: (string | undefined)[] = [];
  for (let Marker: string | undefined; ; ) {
    const page = await kms.listKeys({ Limit: 2, ...(Marker === undefined ? {} : { Marker }) });
    expect(page.Keys?.length).toBeLessThanOrEqual(2);
    paged.push(...(page.Keys ?? []).map(({ KeyId }) => KeyId));
    if (!page.Truncated) break;
    Marker = page.NextMarker;
  }
  expect(paged).toEqual(all.map(({ KeyId }) => KeyId));
  expect(paged).toContain(id);
  await at.restart();
  kms.destroy();
  kms = clientOf(at);
  expect((await kms.listKeys({})).Keys).toEqual(all);
  expect(await stateOf('alias/kept')).toBe('Disabled');
});
