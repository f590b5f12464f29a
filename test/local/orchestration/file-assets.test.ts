import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { App, CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { InstanceProfile, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UndeployableAssembly } from '../../../local/cloudformation/errors.ts';
import type { Region } from '../../../local/region.ts';
import { startRegion } from '../../../local/region.ts';

const ASSET_BUCKET = 'cdk-hnb659fds-assets-123456789012-us-east-1';
/** Longer than the blocks in which S3 writes, with a run of zeros inside. */
const CONTENT = Buffer.concat([
  Buffer.from('begin'),
  Buffer.alloc(3_000_000),
  Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 31) % 251)),
]);

let folder: string;
let region: Region;
let s3: S3Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-assets-'));
  region = await startRegion({ stateFolder: join(folder, 'state'), port: 0, lambdaWorkers: 1 });
  s3 = new S3Client({
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    forcePathStyle: true,
  });
});

afterAll(async () => {
  s3.destroy();
  await region.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A stack with a file asset, and what a helper appliance has besides. */
async function synthesise(name: string, content: Buffer): Promise<string> {
  const path = join(folder, `${name}.tar.gz`);
  await writeFile(path, content);
  const assembly = join(folder, `assembly-${name}`);
  const app = new App({ outdir: assembly, analyticsReporting: false });
  const stack = new Stack(app, 'Assets');
  const asset = new Asset(stack, 'Bundle', { path });
  const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ec2.amazonaws.com') });
  asset.grantRead(role);
  const profile = new InstanceProfile(stack, 'Profile', { role });
  const bucket = new Bucket(stack, 'Control', {
    lifecycleRules: [{ prefix: 'helpers/', expiration: Duration.days(30) }],
  });
  for (const [id, value] of Object.entries({
    Url: asset.s3ObjectUrl,
    RoleId: role.roleId,
    ProfileName: profile.instanceProfileName,
    ProfileArn: profile.instanceProfileArn,
    ControlBucket: bucket.bucketName,
  })) {
    new CfnOutput(stack, id, { value });
  }
  app.synth();
  return assembly;
}

async function deployed(assembly: string): Promise<Readonly<Record<string, string>>> {
  const [stack] = await region.deploy(assembly);
  return stack?.outputs ?? {};
}

const keysInBucket = async () =>
  ((await s3.send(new ListObjectsV2Command({ Bucket: ASSET_BUCKET }))).Contents ?? []).map(({ Key }) => Key);

describe('a file asset', () => {
  it('lies in the bootstrap bucket where the template says, byte for byte', async () => {
    const outputs = await deployed(await synthesise('one', CONTENT));
    const key = new RegExp(`^s3://${ASSET_BUCKET}/([0-9a-f]{64}\\.gz)$`).exec(outputs.Url ?? '')?.[1];
    const { Body, ContentLength } = await s3.send(new GetObjectCommand({ Bucket: ASSET_BUCKET, Key: key }));
    expect(ContentLength).toBe(3_070_005);
    const digest = createHash('sha256').update((await Body?.transformToByteArray()) ?? '');
    expect(digest.digest('hex')).toBe(createHash('sha256').update(CONTENT).digest('hex'));
    expect(await keysInBucket()).toEqual([key]);
    const { iam } = region.services;
    expect(iam.findInstanceProfile(outputs.ProfileName ?? '')?.arn).toBe(outputs.ProfileArn);
    expect(outputs.RoleId).toMatch(/^AROA[A-Z0-9]{17}$/);
  });

  it('is left alone by another deploy, and joined by another content', async () => {
    const [key] = await keysInBucket();
    const head = async () => s3.send(new HeadObjectCommand({ Bucket: ASSET_BUCKET, Key: key }));
    const before = await head();
    await deployed(await synthesise('two', CONTENT));
    // A content of this length gets another ETag whenever it is put.
    expect((await head()).ETag).toBe(before.ETag);
    expect(await keysInBucket()).toEqual([key]);
    await deployed(await synthesise('three', Buffer.from('other')));
    expect(await keysInBucket()).toHaveLength(2);
  });

  it('that the assembly lost is told before anything is made', async () => {
    const assembly = await synthesise('four', Buffer.from('never there'));
    const before = await keysInBucket();
    const file = (await readdir(assembly)).find((name) => name.endsWith('.tar.gz'));
    await unlink(join(assembly, file ?? ''));
    const refused = region.deploy(assembly);
    await expect(refused).rejects.toBeInstanceOf(UndeployableAssembly);
    await expect(refused).rejects.toThrow(/asset [0-9a-f]{64}\.gz: there is no file .*asset\.[0-9a-f]{64}/);
    expect(await keysInBucket()).toEqual(before);
  });
});
