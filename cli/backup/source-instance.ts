import { z } from 'zod';
import type { SourceInstance, SourceVolume, Workload } from '../../core/model/manifest.ts';
import { BadRequest } from '../errors.ts';

/*
 * What is read of the AWS CLI's JSON (`aws ec2 describe-instances`, `aws ec2 describe-volumes`). Fields that are
 * not named here are passed over: AWS adds new ones at any time.
 */

const tagListSchema = z
  .array(z.object({ Key: z.string(), Value: z.string() }))
  .default([])
  .transform((tags) => Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])));

const groupListSchema = z
  .array(z.object({ GroupId: z.string() }))
  .default([])
  .transform((groups) => groups.map(({ GroupId }) => GroupId));

const interfaceSchema = z.object({
  SubnetId: z.string().optional(),
  PrivateIpAddress: z.string().optional(),
  Groups: groupListSchema,
  Attachment: z
    .object({ DeviceIndex: z.number().int(), DeleteOnTermination: z.boolean().optional() })
    .optional(),
});

const mappingSchema = z.object({
  DeviceName: z.string(),
  Ebs: z.object({ VolumeId: z.string(), DeleteOnTermination: z.boolean().optional() }).optional(),
});

const instanceSchema = z.object({
  InstanceId: z.string(),
  InstanceType: z.string().optional(),
  ImageId: z.string().optional(),
  Architecture: z.enum(['x86_64', 'arm64', 'i386']).optional(),
  Platform: z.string().optional(),
  BootMode: z.enum(['legacy-bios', 'uefi', 'uefi-preferred']).optional(),
  CurrentInstanceBootMode: z.enum(['legacy-bios', 'uefi']).optional(),
  TpmSupport: z.string().optional(),
  UsageOperation: z.string().optional(),
  RootDeviceName: z.string().optional(),
  Placement: z.object({ AvailabilityZone: z.string().optional() }).optional(),
  SubnetId: z.string().optional(),
  VpcId: z.string().optional(),
  SecurityGroups: groupListSchema,
  KeyName: z.string().optional(),
  IamInstanceProfile: z.object({ Arn: z.string() }).optional(),
  PrivateIpAddress: z.string().optional(),
  PublicIpAddress: z.string().optional(),
  SourceDestCheck: z.boolean().optional(),
  EbsOptimized: z.boolean().optional(),
  EnaSupport: z.boolean().optional(),
  SriovNetSupport: z.string().optional(),
  NetworkInterfaces: z.array(interfaceSchema).default([]),
  MetadataOptions: z
    .object({
      HttpTokens: z.string().optional(),
      HttpEndpoint: z.string().optional(),
      HttpPutResponseHopLimit: z.number().int().optional(),
      InstanceMetadataTags: z.string().optional(),
    })
    .optional(),
  BlockDeviceMappings: z.array(mappingSchema).default([]),
  Tags: tagListSchema,
});
type Instance = z.infer<typeof instanceSchema>;

const instancesSchema = z.object({
  Reservations: z.array(z.object({ Instances: z.array(instanceSchema).default([]) })),
});

const volumeSchema = z.object({
  VolumeId: z.string(),
  VolumeType: z.string().optional(),
  Iops: z.number().int().optional(),
  Throughput: z.number().int().optional(),
  Encrypted: z.boolean().optional(),
  KmsKeyId: z.string().optional(),
  Tags: tagListSchema,
});
type Volume = z.infer<typeof volumeSchema>;

const volumesSchema = z.object({ Volumes: z.array(volumeSchema) });

/** An EBS volume of the source instance, in the order of its block device mappings. */
export interface AttachedVolume {
  readonly volumeId: string;
  readonly deviceName: string;
  readonly isRoot: boolean;
  readonly settings: SourceVolume;
}

export interface SourceMachine {
  readonly source: SourceInstance;
  /** What the instance says of the workload; flags may override it. */
  readonly workload: Partial<
    Pick<
      Workload,
      'platform' | 'architecture' | 'bootMode' | 'tpmSupport' | 'usageOperation' | 'rootDeviceName' | 'tags'
    >
  >;
  readonly volumes: readonly AttachedVolume[];
}

export interface SourceInstanceInput {
  /** JSON text of `aws ec2 describe-instances`. */
  readonly instances: string;
  /** Which one, where the text holds several. */
  readonly instanceId?: string;
  /** JSON text of `aws ec2 describe-volumes`: types, IOPS, encryption, tags. */
  readonly volumes?: string;
  /** Where the texts came from, for messages. */
  readonly instancesFrom: string;
  readonly volumesFrom?: string;
}

/** Reads the source instance out of what the AWS CLI said of it. @throws BadRequest */
export function parseSourceMachine(input: SourceInstanceInput): SourceMachine {
  const instance = chooseInstance(input);
  const volumes =
    input.volumes === undefined
      ? []
      : parseJson(volumesSchema, {
          text: input.volumes,
          from: input.volumesFrom ?? '--source-volumes',
          command: 'aws ec2 describe-volumes',
        }).Volumes;
  return {
    source: sourceOf(instance),
    workload: workloadOf(instance),
    volumes: attachedVolumesOf(instance, volumes),
  };
}

function chooseInstance({ instances, instancesFrom, instanceId }: SourceInstanceInput): Instance {
  const parsed = parseJson(instancesSchema, {
    text: instances,
    from: instancesFrom,
    command: 'aws ec2 describe-instances',
  });
  const all = parsed.Reservations.flatMap((reservation) => reservation.Instances);
  const chosen = instanceId === undefined ? all : all.filter(({ InstanceId }) => InstanceId === instanceId);
  const [instance, another] = chosen;
  if (instance !== undefined && another === undefined) return instance;
  const there = all.length === 0 ? 'no instance' : all.map(({ InstanceId }) => InstanceId).join(', ');
  throw new BadRequest(
    instanceId === undefined
      ? `${instancesFrom} describes ${all.length} instances (${there}), one is needed`
      : `${instancesFrom} does not describe instance ${instanceId}; it has ${there}`,
    'Choose one with --instance-id, or describe only one: aws ec2 describe-instances --instance-ids i-…',
  );
}

function sourceOf(instance: Instance): SourceInstance {
  return {
    instanceId: instance.InstanceId,
    instanceType: instance.InstanceType,
    imageId: instance.ImageId,
    availabilityZone: instance.Placement?.AvailabilityZone,
    subnetId: instance.SubnetId,
    vpcId: instance.VpcId,
    securityGroupIds: instance.SecurityGroups,
    keyName: instance.KeyName,
    iamInstanceProfileArn: instance.IamInstanceProfile?.Arn,
    privateIpAddress: instance.PrivateIpAddress,
    publicIpAddress: instance.PublicIpAddress,
    sourceDestCheck: instance.SourceDestCheck,
    ebsOptimized: instance.EbsOptimized,
    enaSupport: instance.EnaSupport,
    sriovNetSupport: instance.SriovNetSupport,
    networkInterfaces: instance.NetworkInterfaces.map((each, index) => ({
      deviceIndex: each.Attachment?.DeviceIndex ?? index,
      subnetId: each.SubnetId,
      privateIpAddress: each.PrivateIpAddress,
      securityGroupIds: each.Groups,
      deleteOnTermination: each.Attachment?.DeleteOnTermination,
    })),
    metadataOptions: instance.MetadataOptions && {
      httpTokens: instance.MetadataOptions.HttpTokens,
      httpEndpoint: instance.MetadataOptions.HttpEndpoint,
      httpPutResponseHopLimit: instance.MetadataOptions.HttpPutResponseHopLimit,
      instanceMetadataTags: instance.MetadataOptions.InstanceMetadataTags,
    },
    tags: instance.Tags,
  };
}

function workloadOf(instance: Instance): SourceMachine['workload'] {
  return {
    // EC2 says `windows` (in any case) or nothing.
    platform: instance.Platform?.toLowerCase() === 'windows' ? 'windows' : 'linux',
    architecture: instance.Architecture,
    // BootMode is the image's, and absent where the image names none; the other one is what the machine booted with.
    bootMode: instance.BootMode ?? instance.CurrentInstanceBootMode,
    tpmSupport: instance.TpmSupport,
    usageOperation: instance.UsageOperation,
    rootDeviceName: instance.RootDeviceName,
    tags: instance.Tags,
  };
}

function attachedVolumesOf(instance: Instance, volumes: readonly Volume[]): AttachedVolume[] {
  return instance.BlockDeviceMappings.flatMap(({ DeviceName, Ebs }) => {
    if (Ebs === undefined) return [];
    const described = volumes.find(({ VolumeId }) => VolumeId === Ebs.VolumeId);
    return {
      volumeId: Ebs.VolumeId,
      deviceName: DeviceName,
      isRoot: DeviceName === instance.RootDeviceName,
      settings: {
        volumeId: Ebs.VolumeId,
        volumeType: described?.VolumeType,
        iops: described?.Iops,
        throughput: described?.Throughput,
        encrypted: described?.Encrypted,
        kmsKeyId: described?.KmsKeyId,
        deleteOnTermination: Ebs.DeleteOnTermination,
        tags: described?.Tags ?? {},
      },
    };
  });
}

function parseJson<Schema extends z.ZodType>(
  schema: Schema,
  { text, from, command }: { text: string; from: string; command: string },
): z.output<Schema> {
  const fix = `Give it the JSON output of "${command}" (--output json) as it is.`;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new BadRequest(`${from} is not JSON: ${String(cause)}`, fix, { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new BadRequest(
    `${from} is not what "${command}" prints: ${issue?.path.join('.') || 'at the top'}: ${issue?.message}`,
    fix,
  );
}
