import type {
  BootModeValues,
  IamInstanceProfileSpecification,
  InstanceBootModeValues,
  InstanceMaintenanceOptionsRequest,
  InstanceMetadataOptionsRequest,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { invalidCombination, invalidValue, missingParameter, oneOf } from './errors.ts';
import { makeId } from './ids.ts';
import { INSTANCE_TYPES, type InstanceTypeRecord } from './instance-types.ts';
import { acceptOnly } from './operation.ts';
import type { InstanceRecord, MetadataOptionsRecord } from './records.ts';
import { nowText, type Simulation } from './simulation.ts';

/** Settings of instances that RunInstances and the Modify operations share, with EC2's rules for them. */

const MAX_USER_DATA_BYTES = 16_384;

/** User data as it came (base64). @throws InvalidParameterValue */
export function checkUserData(text: string): string {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) throw invalidValue('Invalid BASE64 encoding of user data.');
  if (Buffer.from(text, 'base64').length > MAX_USER_DATA_BYTES) {
    throw invalidValue(`User data is limited to ${MAX_USER_DATA_BYTES} bytes`);
  }
  return text;
}

/** @throws InvalidParameterValue */
export function needInstanceType(name: string): InstanceTypeRecord {
  const type = INSTANCE_TYPES.get(name);
  if (!type) throw invalidValue(`Invalid value '${name}' for InstanceType.`);
  return type;
}

/** What of an image or instance must suit the type it is to run on. */
export type Bootable = Pick<
  InstanceRecord,
  'architecture' | 'virtualizationType' | 'bootMode' | 'enaSupport' | 'tpmSupport'
>;

/** @throws InvalidParameterValue, InvalidParameterCombination in EC2's words */
export function checkTypeSuits(type: InstanceTypeRecord, bootable: Bootable): void {
  const { architecture, virtualizationType, bootMode, enaSupport, tpmSupport } = bootable;
  if (!type.architectures.includes(architecture)) {
    throw invalidValue(
      `The architecture '${type.architectures.join(',')}' of the specified instance type does not match the architecture '${architecture}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.`,
    );
  }
  if (virtualizationType !== 'hvm') {
    throw invalidCombination(
      `Virtualization type 'hvm' is required for instances of type '${type.name}'. Ensure that you are using an AMI with virtualization type 'hvm'.`,
    );
  }
  if (type.nitro && !enaSupport) {
    throw invalidCombination(
      `Enhanced networking with the Elastic Network Adapter (ENA) is required for the '${type.name}' instance type. Ensure that you are using an AMI that is enabled for ENA.`,
    );
  }
  if (bootMode === 'uefi' && !type.bootModes.includes('uefi')) {
    throw invalidValue(
      `The ${type.name} instance type does not support an AMI with a boot mode of UEFI. Only instance types built on the Nitro System support UEFI. Specify an instance type that supports UEFI, and try again.`,
    );
  }
  if (bootMode === 'legacy-bios' && !type.bootModes.includes('legacy-bios')) {
    throw invalidValue(
      `The ${type.name} instance type does not support an AMI with a boot mode of Legacy BIOS.`,
    );
  }
  if (tpmSupport && !type.tpm) {
    throw invalidCombination(`The ${type.name} instance type does not support NitroTPM.`);
  }
}

/** How an instance really boots: the type's default where its image does not say. */
export function currentBootMode(
  type: InstanceTypeRecord,
  bootMode: BootModeValues | undefined,
): InstanceBootModeValues {
  if (bootMode === 'uefi' || bootMode === 'legacy-bios') return bootMode;
  if (bootMode === 'uefi-preferred' && type.bootModes.includes('uefi')) return 'uefi';
  return type.bootModes.includes('legacy-bios') ? 'legacy-bios' : 'uefi';
}

/** The options after a change. @throws InvalidParameterValue */
export function mergeMetadataOptions(
  present: MetadataOptionsRecord,
  asked: InstanceMetadataOptionsRequest,
): MetadataOptionsRecord {
  acceptOnly(
    asked,
    ['HttpTokens', 'HttpPutResponseHopLimit', 'HttpEndpoint', 'HttpProtocolIpv6', 'InstanceMetadataTags'],
    'MetadataOptions',
  );
  const hopLimit = asked.HttpPutResponseHopLimit ?? present.httpPutResponseHopLimit;
  if (!Number.isInteger(hopLimit) || hopLimit < 1 || hopLimit > 64) {
    throw invalidValue(
      `Value (${hopLimit}) for parameter HttpPutResponseHopLimit is invalid. Expected 1 to 64.`,
    );
  }
  const onOff = ['enabled', 'disabled'] as const;
  return {
    httpTokens: oneOf(asked.HttpTokens, ['optional', 'required'], 'HttpTokens') ?? present.httpTokens,
    httpPutResponseHopLimit: hopLimit,
    httpEndpoint: oneOf(asked.HttpEndpoint, onOff, 'HttpEndpoint') ?? present.httpEndpoint,
    httpProtocolIpv6: oneOf(asked.HttpProtocolIpv6, onOff, 'HttpProtocolIpv6') ?? present.httpProtocolIpv6,
    instanceMetadataTags:
      oneOf(asked.InstanceMetadataTags, onOff, 'InstanceMetadataTags') ?? present.instanceMetadataTags,
  };
}

/** An image that knows of IMDSv2 (`ImdsSupport` v2.0) makes it the rule. */
export const defaultMetadataOptions = (imdsSupport: string | undefined): MetadataOptionsRecord => ({
  httpTokens: imdsSupport ? 'required' : 'optional',
  httpPutResponseHopLimit: imdsSupport ? 2 : 1,
  httpEndpoint: 'enabled',
  httpProtocolIpv6: 'disabled',
  instanceMetadataTags: 'disabled',
});

/** What becomes of the instance when its host fails. @throws InvalidParameterValue */
export function checkAutoRecovery(asked: InstanceMaintenanceOptionsRequest): 'default' | 'disabled' {
  acceptOnly(asked, ['AutoRecovery'], 'MaintenanceOptions');
  return oneOf(asked.AutoRecovery, ['default', 'disabled'], 'AutoRecovery') ?? 'default';
}

export function checkShutdownBehavior(value: string): string {
  if (value !== 'stop' && value !== 'terminate') {
    throw invalidValue(`Value (${value}) for parameter instanceInitiatedShutdownBehavior is invalid.`);
  }
  return value;
}

const PROFILE_NAME = /^[\w+=,.@-]{1,128}$/;

/** The instance profile that a request names. @throws InvalidParameterValue, InvalidIamInstanceProfileArn… */
export function resolveProfile(
  sim: Simulation,
  specification: IamInstanceProfileSpecification,
): NonNullable<InstanceRecord['profile']> {
  const { Arn: arn, Name: name } = specification;
  if (arn && name)
    throw invalidCombination(
      `The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'`,
    );
  const wanted = arn ?? name;
  if (!wanted) throw missingParameter('IamInstanceProfile');
  const named = profileByForm(sim, arn ? { arn } : { name: wanted });
  const found = sim.identities ? sim.identities.findInstanceProfile(wanted) : named;
  if (!found) {
    throw new AwsError(
      'InvalidParameterValue',
      `Value (${wanted}) for parameter iamInstanceProfile.${arn ? 'arn' : 'name'} is invalid. Invalid IAM Instance Profile ${arn ? 'ARN' : 'name'}`,
    );
  }
  return {
    associationId: makeId('iip-assoc'),
    arn: found.arn,
    profileId: profileIdOf(found.name),
    since: nowText(sim),
  };
}

function profileByForm(
  sim: Simulation,
  wanted: { readonly arn?: string; readonly name?: string },
): { arn: string; name: string } | undefined {
  const prefix = `arn:aws:iam::${sim.context.accountId}:instance-profile/`;
  const path = wanted.name ?? (wanted.arn?.startsWith(prefix) ? wanted.arn.slice(prefix.length) : '');
  const name = path.split('/').at(-1) ?? '';
  if (!PROFILE_NAME.test(name)) return undefined;
  return { arn: `${prefix}${path}`, name };
}

/** Ids of instance profiles look like this; nothing here looks one up. */
const profileIdOf = (name: string): string =>
  `AIPA${Buffer.from(name).toString('hex').toUpperCase().slice(0, 17).padEnd(17, '0')}`;
