import { z } from 'zod';
import type { Bytes, DiskId, WorkloadName } from './ids.ts';
import { parseBytes, parseDiskId, parseWorkloadName } from './ids.ts';

/** Turns a throwing parse function into a zod step that reports its message under the field's path. */
export const checked = <In, Out>(parse: (value: In) => Out) =>
  function transform(value: In, context: z.RefinementCtx): Out {
    try {
      return parse(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  };

export const diskIdSchema = z.string().transform(checked<string, DiskId>(parseDiskId));
export const workloadNameSchema = z.string().transform(checked<string, WorkloadName>(parseWorkloadName));
export const bytesSchema = z.number().transform(checked<number, Bytes>(parseBytes));

/** Where the machine came from; decides whether its disks boot on EC2 as they are (`ec2`) or need a conversion. */
export const workloadKindSchema = z.enum(['ec2', 'vmware', 'hyper-v', 'other-cloud', 'physical']);
export const platformSchema = z.enum(['linux', 'windows']);
export const architectureSchema = z.enum(['x86_64', 'arm64', 'i386']);
export const bootModeSchema = z.enum(['legacy-bios', 'uefi', 'uefi-preferred']);

const tagsSchema = z.record(z.string(), z.string());

/** What a source EC2 instance was like when it was backed up, for a target that is to be like it. */
export const sourceInstanceSchema = z.strictObject({
  instanceId: z.string(),
  instanceType: z.string().optional(),
  imageId: z.string().optional(),
  availabilityZone: z.string().optional(),
  subnetId: z.string().optional(),
  vpcId: z.string().optional(),
  securityGroupIds: z.array(z.string()).default([]),
  keyName: z.string().optional(),
  iamInstanceProfileArn: z.string().optional(),
  privateIpAddress: z.string().optional(),
  publicIpAddress: z.string().optional(),
  sourceDestCheck: z.boolean().optional(),
  ebsOptimized: z.boolean().optional(),
  enaSupport: z.boolean().optional(),
  sriovNetSupport: z.string().optional(),
  networkInterfaces: z
    .array(
      z.strictObject({
        deviceIndex: z.number().int(),
        subnetId: z.string().optional(),
        privateIpAddress: z.string().optional(),
        securityGroupIds: z.array(z.string()).default([]),
        deleteOnTermination: z.boolean().optional(),
      }),
    )
    .default([]),
  metadataOptions: z
    .strictObject({
      httpTokens: z.string().optional(),
      httpEndpoint: z.string().optional(),
      httpPutResponseHopLimit: z.number().int().optional(),
      instanceMetadataTags: z.string().optional(),
    })
    .optional(),
  tags: tagsSchema.default({}),
});

/** EBS settings of the volume a disk was, where it was one. */
export const sourceVolumeSchema = z.strictObject({
  volumeId: z.string().optional(),
  volumeType: z.string().optional(),
  iops: z.number().int().optional(),
  throughput: z.number().int().optional(),
  encrypted: z.boolean().optional(),
  kmsKeyId: z.string().optional(),
  deleteOnTermination: z.boolean().optional(),
  tags: tagsSchema.default({}),
});

const hexDigest = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits');

export const manifestDiskSchema = z.strictObject({
  id: diskIdSchema,
  /** Bytes of the disk; need not be a whole number of blocks. */
  size: bytesSchema,
  /** Place among the workload's disks, from 0. */
  order: z.number().int().nonnegative(),
  boot: z.boolean(),
  deviceName: z.string().optional(),
  /** The digest that the disk object ends with, over everything before it; also its name in the repository. */
  object: hexDigest,
  /** SHA-256 over the digests of all blocks in order, zero blocks included. */
  diskDigest: hexDigest,
  /** SHA-256 over the digests of the non-zero blocks in ascending order: what EBS direct calls LINEAR. */
  writtenDigest: hexDigest,
  /** Number of non-zero blocks. */
  writtenBlocks: z.number().int().nonnegative(),
  segmentBytes: bytesSchema,
  volume: sourceVolumeSchema.optional(),
});

export const workloadSchema = z.strictObject({
  name: workloadNameSchema,
  kind: workloadKindSchema,
  operatingSystem: z.string().optional(),
  platform: platformSchema,
  architecture: architectureSchema,
  bootMode: bootModeSchema.optional(),
  uefiData: z.string().optional(),
  tpmSupport: z.string().optional(),
  /** EC2 billing code, e.g. `RunInstances` for plain Linux, `RunInstances:0002` for Windows. */
  usageOperation: z.string().optional(),
  rootDeviceName: z.string().optional(),
  source: sourceInstanceSchema.optional(),
  tags: tagsSchema.default({}),
});

/** One restore point: everything a restore needs to know, and where its disks lie. */
export const manifestSchema = z.strictObject({
  format: z.literal(1),
  workload: workloadSchema,
  /** The moment the restore point stands for, ISO 8601 in UTC. */
  time: z.iso.datetime(),
  /** The restore point whose blocks were reused; information only, nothing depends on it. */
  parent: z.string().optional(),
  disks: z.array(manifestDiskSchema).min(1),
});

export type WorkloadKind = z.infer<typeof workloadKindSchema>;
export type Workload = z.infer<typeof workloadSchema>;
export type SourceInstance = z.infer<typeof sourceInstanceSchema>;
export type SourceVolume = z.infer<typeof sourceVolumeSchema>;
export type ManifestDisk = z.infer<typeof manifestDiskSchema>;
export type Manifest = z.infer<typeof manifestSchema>;
