import { z } from 'zod';

/**
 * Environment of every Lambda function: the stack writes it at deploy time, the functions parse it at run time.
 * All functions share one environment and one bundle, so that the local region can keep them in one warm worker.
 */
export const environmentSchema = z.object({
  /** Bucket of claims, plans, ledgers and results. */
  CONTROL_BUCKET: z.string().min(3),
  /** `s3://bucket/prefix` of the stack's own repository. */
  REPOSITORY_URL: z.string().startsWith('s3://'),
  /** Name of the role that VM Import assumes to read the temporary bucket. */
  IMPORT_ROLE_NAME: z.string().min(1),
  /** Whether the stack may pass any role to EC2, so that a target can get an instance profile. */
  INSTANCE_PROFILES: z.enum(['allowed', 'none']),
  /** Instance profile of the helper appliance, and the id of the role in it. */
  HELPER_PROFILE_NAME: z.string().min(1),
  HELPER_ROLE_ID: z.string().min(1),
  /** The helper appliance's program with its own Node.js, for arm64: `s3://bucket/key`, and the archive's SHA-256. */
  HELPER_BUNDLE_URL: z.string().startsWith('s3://'),
  HELPER_BUNDLE_SHA256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Account of the stack; with the region part of account-regional bucket names. */
  ACCOUNT_ID: z.string().regex(/^\d{12}$/),
});

/** What the stack sets; the keys are the same as the schema's. */
export type StackEnvironment = z.infer<typeof environmentSchema>;

/** What the functions see: the Lambda service itself adds AWS_REGION. */
export const functionEnvironmentSchema = environmentSchema.extend({ AWS_REGION: z.string().min(1) });
export type FunctionEnvironment = z.infer<typeof functionEnvironmentSchema>;
