import { z } from 'zod';
import { readBackSchema } from './helper.ts';
import { parseRestoreId, parseRestorePointId, type RestoreId, type RestorePointId } from './ids.ts';
import { bootModeSchema, checked, diskIdSchema, workloadNameSchema } from './manifest.ts';

const restorePointSelectorSchema = z
  .union([
    z.string().transform(checked<string, RestorePointId>(parseRestorePointId)),
    z.strictObject({
      workload: workloadNameSchema.describe(
        'Name of the machine in the repository, 1 to 128 of A-Z a-z 0-9 . _ -',
      ),
      at: z
        .union([z.literal('latest'), z.iso.datetime()])
        .default('latest')
        .describe('`latest`, or a time (ISO 8601, UTC): the newest restore point not after it'),
    }),
  ])
  .describe('A restore point by its id, or a workload and a moment');

const awsId = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `must be an id like ${prefix}-0123456789abcdef0`);

/** Tags of AWS's own, which nobody else may set, and of ours, which say what may be removed. */
export const isReservedTag = (key: string): boolean => /^(aws:|landfall:)/.test(key);

const tagsSchema = z
  .record(z.string().min(1).max(128), z.string().max(256))
  .refine((tags) => !Object.keys(tags).some(isReservedTag), {
    message: 'keys that begin with aws: or landfall: are reserved',
  });

const metadataOptionsSchema = z.strictObject({
  httpTokens: z
    .enum(['optional', 'required'])
    .optional()
    .describe('`required` takes IMDSv2 only; default: the source instance’s, else `required`'),
  httpPutResponseHopLimit: z
    .number()
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('How far its answers travel, 1 to 64 hops; default: the source instance’s'),
  httpEndpoint: z
    .enum(['enabled', 'disabled'])
    .optional()
    .describe('Whether there is metadata at all; default: the source instance’s, else `enabled`'),
  instanceMetadataTags: z
    .enum(['enabled', 'disabled'])
    .optional()
    .describe('Whether the instance’s tags are among its metadata; default: the source instance’s'),
});

const MOST_ALTERNATIVES = 10;

const targetSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Name tag of the instance; default: the source instance’s, else the workload’s name'),
  namePrefix: z.string().min(1).max(100).optional().describe('Put before the default name; not with `name`'),
  nameSuffix: z.string().min(1).max(100).optional().describe('Put after the default name; not with `name`'),
  instanceType: z.string().min(1).optional().describe('Default: the source instance’s type'),
  instanceTypes: z
    .array(z.string().min(1))
    .min(1)
    .max(MOST_ALTERNATIVES)
    .optional()
    .describe(
      'In place of `instanceType`, in order of preference: the next is tried where EC2 has no room for one',
    ),
  subnetId: awsId('subnet').optional().describe('Default: the source instance’s subnet'),
  subnetIds: z
    .array(awsId('subnet'))
    .min(1)
    .max(MOST_ALTERNATIVES)
    .optional()
    .describe(
      'In place of `subnetId`, in order of preference: the plan takes the first that exists, has a free address and offers an instance type, and only that one',
    ),
  availabilityZone: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z0-9-]*[a-z]$/, 'must be the name of a zone, like us-east-1a')
    .optional()
    .describe(
      'With `restoreTo: volumes`, where the volumes are made, in place of `subnetId`; an instance’s zone is its subnet’s',
    ),
  securityGroupIds: z
    .array(awsId('sg'))
    .min(1)
    .optional()
    .describe('Default: the source instance’s security groups when they exist in the subnet’s VPC'),
  privateIpAddress: z.ipv4().optional().describe('A free address of the subnet; default: EC2 chooses'),
  associatePublicIpAddress: z
    .boolean()
    .optional()
    .describe('Whether it gets a public address; default: as the subnet says'),
  keyName: z
    .string()
    .min(1)
    .optional()
    .describe('Key pair shown with the instance; the restored disks keep their own keys'),
  iamInstanceProfile: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Name of an instance profile; the stack must be deployed with -c instanceProfileRoles=ARN[,ARN…] of the roles it may pass; default: none',
    ),
  imageId: awsId('ami')
    .optional()
    .describe('Image to launch from before the root volume is swapped; default: chosen by the plan'),
  conversion: z
    .enum(['import', 'none'])
    .optional()
    .describe(
      'Of machines that are no EC2 backups: `import` (default) has VM Import make them bootable; `none` launches a Linux system as it is',
    ),
  licenseType: z
    .enum(['AWS', 'BYOL'])
    .optional()
    .describe(
      'Of imported machines: whose Windows licence; default: VM Import’s own (AWS for Windows Server, BYOL for clients and Linux)',
    ),
  bootMode: bootModeSchema.optional().describe('Default: the machine’s'),
  metadataOptions: metadataOptionsSchema.optional().describe('The instance metadata service (IMDS)'),
  tags: tagsSchema.default({}).describe('Added to instance and volumes'),
  powerOn: z.boolean().default(true).describe('Start the instance when everything is attached'),
});

/** The volume types of EBS. */
export const volumeTypeSchema = z.enum(['gp2', 'gp3', 'io1', 'io2', 'st1', 'sc1', 'standard']);

const diskSchema = z.strictObject({
  id: diskIdSchema.describe('Id of a disk in the restore point, 1 to 64 of A-Z a-z 0-9 . _ -'),
  exclude: z
    .boolean()
    .default(false)
    .describe('Leave the disk out; the boot disk only with `restoreTo: volumes`'),
  volumeType: volumeTypeSchema.optional().describe('Default: the source volume’s, else gp3'),
  iops: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('gp3, io1 and io2 only; default: the source volume’s where the type is the same'),
  throughput: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('MiB/s; gp3 only; default: the source volume’s where the type is the same'),
  encrypted: z.boolean().optional().describe('Default: the source volume’s'),
  kmsKeyId: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Key id, alias or ARN; implies encrypted; default: the source volume’s where it is usable here',
    ),
  initializationRate: z
    .number()
    .int()
    .min(100)
    .max(300)
    .optional()
    .describe(
      'MiB/s, 100 to 300, at which EBS brings in a volume’s blocks from its snapshot, for a price; where EC2 refuses it, the volume is made without and the result says so. Without it, as they are read. Strategy helper needs none',
    ),
  deviceName: z
    .string()
    .regex(/^(\/dev\/)?[a-z][a-z0-9]+$/, 'must be a device name like /dev/sdf')
    .optional()
    .describe('What it is attached as; default: as at the source, else a free name'),
});

const helperSchema = z.strictObject({
  instanceType: z
    .string()
    .min(1)
    .optional()
    .describe('Type of the helper appliance, of architecture arm64; default: chosen by the plan'),
  subnetId: awsId('subnet')
    .optional()
    .describe('In the zone of the target’s subnet, with a route to S3; default: the target’s subnet'),
  securityGroupIds: z
    .array(awsId('sg'))
    .min(1)
    .optional()
    .describe(
      'Must let out to S3 (TCP 443); default: a group made for this restore, which lets out to S3 only',
    ),
  readBack: readBackSchema
    .default('sample')
    .describe('How much is read back from the volumes and compared: a sample of blocks, or all of them'),
});

/** What a caller asks for. Shared by the state machine, the command line and the documentation. */
export const restoreRequestSchema = z.strictObject({
  restoreId: z
    .string()
    .transform(checked<string, RestoreId>(parseRestoreId))
    .optional()
    .describe(
      'Names the restore, 1 to 64 of A-Z a-z 0-9 _ -; a second execution with the same one is its next attempt; default: the execution’s name',
    ),
  restorePoint: restorePointSelectorSchema,
  repository: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?$/, 'must be of the form s3://bucket/prefix')
    .optional()
    .describe('Default: the stack’s own repository'),
  strategy: z
    .enum(['auto', 'upload', 'helper', 'direct'])
    .default('auto')
    .describe('How the disks become volumes'),
  restoreTo: z
    .enum(['new', 'volumes', 'original'])
    .default('new')
    .describe(
      '`new`: an instance; `volumes`: no instance, the restored volumes are left available; `original`: the instance that was backed up gets them in place of its own, which are kept',
    ),
  target: targetSchema.prefault({}).describe('What the disks are restored to'),
  disks: z
    .array(diskSchema)
    .default([])
    .describe('Settings of single disks; a disk that is not named gets the source volume’s settings'),
  helper: helperSchema.prefault({}).describe('The helper appliance of strategy helper'),
  reason: z.string().max(1000).optional().describe('Kept with the result'),
  onFailure: z
    .enum(['cleanUp', 'keep'])
    .default('cleanUp')
    .describe(
      '`keep` leaves what was made, for inspection, but for helpers, which always end; whoever asked for it removes it',
    ),
});

export type RestoreRequest = z.output<typeof restoreRequestSchema>;
export type RestoreRequestInput = z.input<typeof restoreRequestSchema>;

/** One thing that is wrong or worth knowing about a request, and what to do about it. */
export const findingSchema = z.strictObject({
  severity: z.enum(['error', 'warning']),
  /** Path of the request's field, e.g. `target.subnetId`. */
  field: z.string(),
  value: z.string(),
  problem: z.string(),
  fix: z.string(),
});
export type RequestFinding = z.infer<typeof findingSchema>;

/** One line a person can act on: field, value, problem, fix. */
export function describeFinding({ field, value, problem, fix }: RequestFinding): string {
  return `${field} = ${value}: ${problem}. ${fix}`;
}

export type ParsedRequest =
  | { readonly ok: true; readonly request: RestoreRequest }
  | { readonly ok: false; readonly findings: RequestFinding[] };

/** Parses a request; all mistakes at once, each with field, value and fix. */
export function parseRestoreRequest(input: unknown): ParsedRequest {
  const parsed = restoreRequestSchema.safeParse(input);
  const findings = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap((issue) => findingsOf(issue, input))),
    ...disksNamedTwice(input),
    ...contradictions(input),
  ];
  return parsed.success && findings.length === 0
    ? { ok: true, request: parsed.data }
    : { ok: false, findings };
}

/** Looked for in the raw input: a schema's refinement is not run while anything else is wrong. */
function disksNamedTwice(input: unknown): RequestFinding[] {
  const disks = valueAt(input, ['disks']);
  const ids = Array.isArray(disks) ? disks.map((disk: unknown) => valueAt(disk, ['id'])) : [];
  return ids.flatMap((id, index) =>
    id === undefined || ids.indexOf(id) === index
      ? []
      : [
          {
            severity: 'error' as const,
            field: `disks[${index}].id`,
            value: shown(id),
            problem: 'is named twice',
            fix: 'Merge the two entries into one',
          },
        ],
  );
}

/** Fields of the target of which one says what the other does: the first of each pair is to go. */
const EXCLUSIVE = [
  ['namePrefix', 'name'],
  ['nameSuffix', 'name'],
  ['instanceTypes', 'instanceType'],
  ['subnetIds', 'subnetId'],
  ['availabilityZone', 'subnetId'],
  ['availabilityZone', 'subnetIds'],
] as const;

/** In the raw input for the same reason. */
function contradictions(input: unknown): RequestFinding[] {
  const target = valueAt(input, ['target']);
  return EXCLUSIVE.flatMap(([field, other]) => {
    const value = valueAt(target, [field]);
    if (value === undefined || valueAt(target, [other]) === undefined) return [];
    return [
      {
        severity: 'error' as const,
        field: `target.${field}`,
        value: shown(value),
        problem: `contradicts target.${other}`,
        fix: 'Leave out one of the two',
      },
    ];
  });
}

function findingsOf(issue: z.core.$ZodIssue, input: unknown): RequestFinding[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      severity: 'error' as const,
      field: fieldName([...issue.path, key]),
      value: shown(valueAt(input, [...issue.path, key])),
      problem: 'is not a field of a restore request',
      fix: 'Remove it, or correct its spelling',
    }));
  }
  return [
    {
      severity: 'error',
      field: fieldName(issue.path),
      value: shown(valueAt(input, issue.path)),
      problem: issue.message.replace(/\.$/, ''),
      fix: 'Correct the value',
    },
  ];
}

function fieldName(path: readonly PropertyKey[]): string {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return name.replace(/^\./, '') || 'request';
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
}

/** A request's value in a finding: short, and as the request has it. */
export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
}
