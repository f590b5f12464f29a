import { z } from 'zod';
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

/** How one disk becomes a volume. Part n (from 1) of its RAW object is segments [(n-1)·partSegments, n·partSegments). */
export const plannedDiskSchema = z.strictObject({
  id: diskIdSchema,
  boot: z.boolean(),
  size: bytesSchema,
  volumeGiB: z.number().int().positive(),
  segmentBytes: bytesSchema,
  segmentCount: z.number().int().positive(),
  /** Segments in one upload part. */
  partSegments: z.number().int().positive(),
  /** Segments in one batch of work, a multiple of partSegments. */
  batchSegments: z.number().int().positive(),
  /** Key of the RAW object in the temporary bucket. */
  objectKey: z.string(),
  deviceName: z.string(),
  volumeType: volumeTypeSchema,
  iops: z.number().int().optional(),
  throughput: z.number().int().optional(),
  encrypted: z.boolean(),
  kmsKeyId: z.string().optional(),
  deleteOnTermination: z.boolean(),
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
]);

export const plannedTargetSchema = z.strictObject({
  name: z.string(),
  instanceType: z.string(),
  subnetId: z.string(),
  vpcId: z.string(),
  availabilityZone: z.string(),
  securityGroupIds: z.array(z.string()).min(1),
  privateIpAddress: z.string().optional(),
  keyName: z.string().optional(),
  iamInstanceProfile: z.string().optional(),
  sourceDestCheck: z.boolean(),
  ebsOptimized: z.boolean(),
  httpTokens: z.enum(['optional', 'required']),
  httpPutResponseHopLimit: z.number().int().optional(),
  tags: tagsSchema,
  powerOn: z.boolean(),
  launchImage: launchImageSchema,
});

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
  strategy: z.literal('upload'),
  strategyReason: z.string(),
  temporaryBucket: z.string(),
  /** Size of the all-zero object that all-zero parts are copied from: the largest part of any disk. */
  zeroObjectBytes: bytesSchema,
  target: plannedTargetSchema,
  disks: z.array(plannedDiskSchema).min(1),
  warnings: z.array(findingSchema),
  reason: z.string().optional(),
  onFailure: z.enum(['cleanUp', 'keep']),
});

export type PlannedDisk = z.infer<typeof plannedDiskSchema>;
export type PlannedTarget = z.infer<typeof plannedTargetSchema>;
export type LaunchImage = z.infer<typeof launchImageSchema>;
export type Plan = z.infer<typeof planSchema>;
