import { randomBytes } from 'node:crypto';
import { AwsError } from '../service.ts';
import { invalidValue } from './errors.ts';

interface ResourceKind {
  readonly prefix: string;
  readonly malformed: (id: string) => AwsError;
  readonly notFound: (ids: readonly string[]) => AwsError;
}

const expecting = (code: string, prefix: string) => (id: string) =>
  new AwsError(code, `Invalid id: "${id}" (expecting "${prefix}-...")`);

const expectedValue = (parameter: string, prefix: string) => (id: string) =>
  invalidValue(`Value (${id}) for parameter ${parameter} is invalid. Expected: '${prefix}-...'.`);

const missing = (code: string, text: (id: string) => string) => (ids: readonly string[]) =>
  new AwsError(code, text(ids.join(', ')));

/** How AWS names each kind of resource and complains about it. */
export const RESOURCE_KINDS = {
  instance: {
    prefix: 'i',
    malformed: expecting('InvalidInstanceID.Malformed', 'i'),
    notFound: (ids) =>
      new AwsError(
        'InvalidInstanceID.NotFound',
        ids.length === 1
          ? `The instance ID '${ids[0]}' does not exist`
          : `The instance IDs '${ids.join(', ')}' do not exist`,
      ),
  },
  volume: {
    prefix: 'vol',
    malformed: expectedValue('volumeId', 'vol'),
    notFound: missing('InvalidVolume.NotFound', (id) => `The volume '${id}' does not exist.`),
  },
  snapshot: {
    prefix: 'snap',
    malformed: expectedValue('snapshotId', 'snap'),
    notFound: missing('InvalidSnapshot.NotFound', (id) => `The snapshot '${id}' does not exist.`),
  },
  image: {
    prefix: 'ami',
    malformed: expecting('InvalidAMIID.Malformed', 'ami'),
    notFound: missing('InvalidAMIID.NotFound', (id) => `The image id '[${id}]' does not exist`),
  },
  subnet: {
    prefix: 'subnet',
    malformed: expectedValue('subnetId', 'subnet'),
    notFound: missing('InvalidSubnetID.NotFound', (id) => `The subnet ID '${id}' does not exist`),
  },
  vpc: {
    prefix: 'vpc',
    malformed: expectedValue('vpcId', 'vpc'),
    notFound: missing('InvalidVpcID.NotFound', (id) => `The vpc ID '${id}' does not exist`),
  },
  vpcEndpoint: {
    prefix: 'vpce',
    malformed: expecting('InvalidVpcEndpointId.Malformed', 'vpce'),
    notFound: missing('InvalidVpcEndpointId.NotFound', (id) => `The Vpc Endpoint Id '${id}' does not exist`),
  },
  securityGroup: {
    prefix: 'sg',
    malformed: (id) => new AwsError('InvalidGroupId.Malformed', `Invalid id: "${id}" (expecting "sg-...")`),
    notFound: missing('InvalidGroup.NotFound', (id) => `The security group '${id}' does not exist`),
  },
  securityGroupRule: {
    prefix: 'sgr',
    malformed: expecting('InvalidSecurityGroupRuleId.Malformed', 'sgr'),
    notFound: missing(
      'InvalidSecurityGroupRuleId.NotFound',
      (id) => `The security group rule ID '${id}' does not exist`,
    ),
  },
  networkInterface: {
    prefix: 'eni',
    malformed: expecting('InvalidNetworkInterfaceId.Malformed', 'eni'),
    notFound: missing(
      'InvalidNetworkInterfaceID.NotFound',
      (id) => `The networkInterface ID '${id}' does not exist`,
    ),
  },
  keyPair: {
    prefix: 'key',
    malformed: expecting('InvalidKeyPair.NotFound', 'key'),
    notFound: missing('InvalidKeyPair.NotFound', (id) => `The key pair '${id}' does not exist`),
  },
  address: {
    prefix: 'eipalloc',
    malformed: expecting('InvalidAllocationID.NotFound', 'eipalloc'),
    notFound: missing('InvalidAllocationID.NotFound', (id) => `The allocation ID '${id}' does not exist`),
  },
  imageImport: {
    prefix: 'import-ami',
    malformed: (id) =>
      new AwsError(
        'InvalidConversionTaskId.Malformed',
        `Invalid conversion task id '${id}' (import-ami-...)`,
      ),
    notFound: missing('InvalidConversionTaskId', (id) => `The import task ID '${id}' does not exist`),
  },
  importTask: {
    prefix: 'import-snap',
    malformed: (id) =>
      new AwsError(
        'InvalidConversionTaskId.Malformed',
        `Invalid conversion task id '${id}' (import-snap-...)`,
      ),
    notFound: missing('InvalidConversionTaskId', (id) => `The import task ID '${id}' does not exist`),
  },
} as const satisfies Record<string, ResourceKind>;

export type ResourceKindName = keyof typeof RESOURCE_KINDS;

/** The short old form of ids has 8 hex digits, today's 17. */
const ID_TAIL = /^(?:[0-9a-f]{8}|[0-9a-f]{17})$/;

/** A new id in today's form. */
export function makeId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`;
}

/** @throws the resource kind's own "malformed" error when `id` does not look like an id of that kind */
export function checkId(kind: ResourceKindName, id: string): string {
  const { prefix, malformed } = RESOURCE_KINDS[kind];
  if (!id.startsWith(`${prefix}-`) || !ID_TAIL.test(id.slice(prefix.length + 1))) throw malformed(id);
  return id;
}
