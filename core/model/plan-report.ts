import { z } from 'zod';
import { estimateSchema } from './estimate.ts';
import { workloadKindSchema } from './manifest.ts';
import { plannedOriginalSchema, plannedStrategySchema, plannedTargetSchema } from './plan.ts';
import { findingSchema, volumeTypeSchema } from './request.ts';
import { ledgerKindSchema } from './restore-record.ts';

const strategyNameSchema = z.enum(plannedStrategySchema.options.map(({ shape }) => shape.name.value));

/** One thing that a restore makes. */
export const plannedResourceSchema = z.strictObject({
  kind: z.union([ledgerKindSchema, z.enum(['network-interface', 'object', 'record'])]),
  /** For people: what it is like. */
  what: z.string(),
  /** The disk it belongs to. */
  diskId: z.string().optional(),
  /** A `result` and a `record` remain; `temporary` things are removed by the restore itself. */
  role: z.enum(['result', 'record', 'temporary']),
});

/** What one strategy would come to. */
export const strategyReportSchema = z.strictObject({
  name: strategyNameSchema,
  /** Absent where it is not possible: its findings say why. */
  estimate: estimateSchema.optional(),
  findings: z.array(findingSchema),
});

/** What a restore would do, without anything claimed or created: the output of the state machine `Plan`. */
export const planReportSchema = z.strictObject({
  version: z.literal(1),
  plannedAt: z.iso.datetime(),
  region: z.string(),
  /** Whether a restore with this request would start; else the findings say why not. */
  possible: z.boolean(),
  repository: z.string().optional(),
  restorePoint: z.string().optional(),
  restorePointTime: z.iso.datetime().optional(),
  workload: z.strictObject({ name: z.string(), kind: workloadKindSchema }).optional(),
  /** About the request, and about the strategy that was chosen; errors first. */
  findings: z.array(findingSchema),
  /** What could not be looked at, and so is in no finding. */
  notKnown: z.array(z.strictObject({ what: z.string(), why: z.string() })),
  strategy: z.strictObject({ name: strategyNameSchema, reason: z.string() }).optional(),
  strategies: z.array(strategyReportSchema),
  target: plannedTargetSchema
    .pick({
      name: true,
      instanceType: true,
      subnetId: true,
      availabilityZone: true,
      securityGroupIds: true,
      privateIpAddress: true,
      keyName: true,
      iamInstanceProfile: true,
      powerOn: true,
    })
    .extend({ launchImage: z.string(), otherInstanceTypes: z.array(z.string()).optional() })
    .optional(),
  /** In place of a target, where no instance is made. */
  volumesOnly: z.strictObject({ name: z.string(), availabilityZone: z.string() }).optional(),
  /** In place of a target, where the instance that was backed up gets the volumes. */
  original: plannedOriginalSchema.omit({ restoreTo: true, sourceName: true, tags: true }).optional(),
  disks: z.array(
    z.strictObject({
      id: z.string(),
      boot: z.boolean(),
      sizeBytes: z.number().int(),
      writtenBytes: z.number().int(),
      deviceName: z.string(),
      volumeType: volumeTypeSchema,
      volumeGiB: z.number().int(),
      iops: z.number().int().optional(),
      throughput: z.number().int().optional(),
      encrypted: z.boolean(),
      kmsKeyId: z.string().optional(),
      initializationRate: z.number().int().optional(),
    }),
  ),
  resources: z.array(plannedResourceSchema),
  /** Where and when the prices hold that the costs are made of. */
  prices: z.strictObject({ region: z.string(), of: z.string() }),
});

export type PlannedResource = z.infer<typeof plannedResourceSchema>;
export type StrategyReport = z.infer<typeof strategyReportSchema>;
export type PlanReport = z.infer<typeof planReportSchema>;
