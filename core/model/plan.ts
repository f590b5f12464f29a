import { z } from 'zod';
import { estimateSchema } from './estimate.ts';
import { readBackSchema } from './helper.ts';
import {
  architectureSchema,
  bootModeSchema,
  bytesSchema,
  diskIdSchema,
  platformSchema,
  workloadKindSchema,
} from './manifest.ts';
import { findingSchema, volumeTypeSchema } from './request.ts';

const tagsSchema = z.record(z.string(), z.string());

/** How one disk becomes a volume. */
export const plannedDiskSchema = z.strictObject({
  id: diskIdSchema,
  boot: z.boolean(),
  size: bytesSchema,
  volumeGiB: z.number().int().positive(),
  segmentBytes: bytesSchema,
  segmentCount: z.number().int().positive(),
  /** Strategy upload. Part n (from 1) of the RAW object is segments [(n-1)·partSegments, n·partSegments). */
  upload: z
    .strictObject({
      /** Segments in one upload part. */
      partSegments: z.number().int().positive(),
      /** Segments in one batch of work, a multiple of partSegments. */
      batchSegments: z.number().int().positive(),
      /** Key of the RAW object in the temporary bucket. */
      objectKey: z.string(),
    })
    .optional(),
  /** Strategy direct. */
  direct: z
    .strictObject({
      /** Segments in one batch of work. */
      batchSegments: z.number().int().positive(),
    })
    .optional(),
  deviceName: z.string(),
  volumeType: volumeTypeSchema,
  iops: z.number().int().optional(),
  throughput: z.number().int().optional(),
  encrypted: z.boolean(),
  kmsKeyId: z.string().optional(),
  /** MiB/s; only of volumes that are made of snapshots. */
  initializationRate: z.number().int().optional(),
  deleteOnTermination: z.boolean(),
  /** The request's among them, but for a name and what every restore gives. */
  tags: tagsSchema,
});

/** What the target is launched from before its root volume is swapped. */
export const launchImageSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('existing'),
    imageId: z.string(),
    reason: z.string(),
    rootDeviceName: z.string(),
    /** Further devices of the image, each suppressed at launch. */
    otherDeviceNames: z.array(z.string()),
  }),
  z.strictObject({
    kind: z.literal('blank'),
    reason: z.string(),
    architecture: architectureSchema,
    bootMode: bootModeSchema.optional(),
    uefiData: z.string().optional(),
    tpmSupport: z.string().optional(),
    enaSupport: z.boolean(),
    sriovNetSupport: z.string().optional(),
    rootDeviceName: z.string(),
  }),
  z.strictObject({
    /** What the conversion makes: its id is in the ledger, its devices are known once it is there. */
    kind: z.literal('imported'),
    reason: z.string(),
    rootDeviceName: z.string(),
  }),
]);

/** How disks of a machine from elsewhere become bootable on EC2. */
export const conversionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('import-image'),
    /** Whose Windows licence; absent where VM Import is to decide. */
    licenseType: z.enum(['AWS', 'BYOL']).optional(),
    /** Absent where VM Import is to find out. */
    bootMode: z.enum(['legacy-bios', 'uefi']).optional(),
    platform: platformSchema,
    encrypted: z.boolean(),
    kmsKeyId: z.string().optional(),
    /** The disks that VM Import takes together, the boot disk first; the others become volumes as they are. */
    diskIds: z.array(diskIdSchema).min(1).max(21),
  }),
]);

/** An instance that the volumes become the disks of. */
export const plannedTargetSchema = z.strictObject({
  restoreTo: z.literal('new'),
  name: z.string(),
  /** What the machine is called at the source. */
  sourceName: z.string(),
  instanceType: z.string(),
  /** In order of preference: the next one is tried where EC2 has no room for the one before. */
  otherInstanceTypes: z.array(z.string()),
  subnetId: z.string(),
  vpcId: z.string(),
  availabilityZone: z.string(),
  securityGroupIds: z.array(z.string()).min(1),
  privateIpAddress: z.string().optional(),
  /** Absent: as the subnet says. */
  associatePublicIpAddress: z.boolean().optional(),
  keyName: z.string().optional(),
  iamInstanceProfile: z.string().optional(),
  sourceDestCheck: z.boolean(),
  ebsOptimized: z.boolean(),
  httpTokens: z.enum(['optional', 'required']),
  httpPutResponseHopLimit: z.number().int().optional(),
  httpEndpoint: z.enum(['enabled', 'disabled']),
  instanceMetadataTags: z.enum(['enabled', 'disabled']),
  tags: tagsSchema,
  powerOn: z.boolean(),
  launchImage: launchImageSchema,
});

/** No instance: the volumes are left available. */
export const plannedVolumesSchema = z.strictObject({
  restoreTo: z.literal('volumes'),
  name: z.string(),
  sourceName: z.string(),
  availabilityZone: z.string(),
});

/** The instance that was backed up: all of it stays as it is, but for the volumes that are replaced. */
export const plannedOriginalSchema = z.strictObject({
  restoreTo: z.literal('original'),
  name: z.string(),
  sourceName: z.string(),
  instanceId: z.string(),
  instanceType: z.string(),
  availabilityZone: z.string(),
  /** Its volumes that the restored ones take the place of, as they are attached: what an undo puts back. */
  replaced: z.array(
    z.strictObject({
      diskId: diskIdSchema,
      volumeId: z.string(),
      deviceName: z.string(),
      deleteOnTermination: z.boolean(),
    }),
  ),
  /** Of the restored volumes. */
  tags: tagsSchema,
  powerOn: z.boolean(),
});

/** How the disks become volumes, and why so. */
export const plannedStrategySchema = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('upload'),
    reason: z.string(),
    temporaryBucket: z.string(),
    /** Size of the all-zero object that all-zero parts are copied from: the largest part of any disk. */
    zeroObjectBytes: bytesSchema,
  }),
  z.strictObject({
    name: z.literal('helper'),
    reason: z.string(),
    /** In order of preference: the next one is tried where EC2 has no room for the one before. */
    instanceTypes: z.array(z.string()).min(1),
    instanceTypeReason: z.string(),
    imageId: z.string(),
    imageRootDeviceName: z.string(),
    subnetId: z.string(),
    /** The request's; absent where the restore makes one that lets out to S3 only. */
    securityGroupIds: z.array(z.string()).min(1).optional(),
    /** Prefix list of S3 in this Region. */
    s3PrefixListId: z.string(),
    /** Id of the helper's role: with the instance's id the name of its folder in the control bucket. */
    roleId: z.string(),
    readBack: readBackSchema,
  }),
  z.strictObject({
    name: z.literal('direct'),
    reason: z.string(),
    /** PutSnapshotBlock calls a second that the account may make in this Region, of all restores together. */
    accountPutsPerSecond: z.number().int().positive(),
  }),
]);

/** Everything a restore will do, decided before anything is created; kept at {@link planKey}. */
export const planSchema = z.strictObject({
  restoreId: z.string(),
  /** Counts the executions that worked on this restore, from 1: the generation of everything it makes. */
  attempt: z.number().int().positive(),
  executionArn: z.string(),
  startedAt: z.iso.datetime(),
  plannedAt: z.iso.datetime(),
  repository: z.string(),
  restorePoint: z.string(),
  restorePointTime: z.iso.datetime(),
  workload: z.strictObject({
    name: z.string(),
    kind: workloadKindSchema,
    platform: platformSchema,
    operatingSystem: z.string().optional(),
  }),
  strategy: plannedStrategySchema,
  /** Absent in plans of before there was one. */
  conversion: conversionSchema.default({ kind: 'none' }),
  /** What the chosen strategy is expected to take and cost; absent in plans of before there were estimates. */
  estimate: estimateSchema.optional(),
  target: z.discriminatedUnion('restoreTo', [
    plannedTargetSchema,
    plannedVolumesSchema,
    plannedOriginalSchema,
  ]),
  disks: z.array(plannedDiskSchema).min(1),
  /** Disks of the restore point that the request leaves out. */
  excludedDisks: z.array(diskIdSchema),
  warnings: z.array(findingSchema),
  reason: z.string().optional(),
  onFailure: z.enum(['cleanUp', 'keep']),
});

export type PlannedDisk = z.infer<typeof plannedDiskSchema>;
export type PlannedStrategy = z.infer<typeof plannedStrategySchema>;
export type PlannedTarget = z.infer<typeof plannedTargetSchema>;
export type Conversion = z.infer<typeof conversionSchema>;
export type PlannedOriginal = z.infer<typeof plannedOriginalSchema>;
export type ReplacedVolume = PlannedOriginal['replaced'][number];
export type PlannedVolumes = z.infer<typeof plannedVolumesSchema>;
export type LaunchImage = z.infer<typeof launchImageSchema>;
export type Plan = z.infer<typeof planSchema>;
