import type { VolumeType } from '@aws-sdk/client-ec2';
import type { RegionContext } from '../service.ts';
import type { Disks } from './disks.ts';
import type { Ec2Events } from './events.ts';
import type { HelperHost } from './helper-appliance/host.ts';
import { checkId, RESOURCE_KINDS, type ResourceKindName } from './ids.ts';
import type { ImageImportRecord } from './import-image-record.ts';
import type { ObjectSource } from './object-source.ts';
import type {
  AddressRecord,
  ImageRecord,
  ImportTaskRecord,
  InstanceRecord,
  KeyPairRecord,
  NetworkInterfaceRecord,
  SecurityGroupRecord,
  SecurityGroupRuleRecord,
  SnapshotRecord,
  SubnetRecord,
  VolumeRecord,
  VpcEndpointRecord,
  VpcRecord,
} from './records.ts';
import type { Ec2State } from './state.ts';
import type { Transitions } from './transitions.ts';

/** Service quotas that can be switched: a number is the limit, undefined means none. */
export interface Ec2Quotas {
  /** ImportSnapshot and ImportImage tasks that may be active at once; 20 on AWS (quota L-66ABAAD5). */
  importTasks: number | undefined;
  /** vCPUs of running instances of the standard families; from the start there is no limit. */
  standardVcpus: number | undefined;
  /** TiB of all volumes of a type; from the start there is no limit. */
  readonly storageTiB: { [T in VolumeType]?: number | undefined };
}

/** Where nobody knows what AWS does, or the region cannot see what AWS looks at: what it is to assume. */
export interface Ec2Assumptions {
  /** Whether ImportImage takes encrypted snapshots; AWS's documentation does not say. */
  importsOfEncryptedSnapshots: 'refused' | 'accepted';
  /** AWS looks for ENA drivers in a guest that ImportImage imports, the region does not read its file systems. */
  importedGuestsHaveEna: boolean;
}

/** What EC2 asks of IAM; without it any well-formed name is taken for an existing one. */
export interface IdentityDirectory {
  findRole(nameOrArn: string): object | undefined;
  findInstanceProfile(nameOrArn: string): { readonly arn: string; readonly name: string } | undefined;
}

/** What EC2 asks of KMS. */
export interface KeyDirectory {
  /** A key by its id, its ARN, or the name or ARN of an alias. */
  find(key: string): { readonly arn: string; readonly state: KeyState } | undefined;
}

type KeyState = 'Enabled' | 'Disabled' | 'PendingDeletion';

/** Everything the parts of the EC2 simulation share. */
export interface Simulation {
  readonly context: RegionContext;
  readonly state: Ec2State;
  readonly transitions: Transitions;
  readonly disks: Disks;
  readonly objects: ObjectSource;
  readonly identities?: IdentityDirectory | undefined;
  readonly keys: KeyDirectory;
  readonly quotas: Ec2Quotas;
  readonly assumptions: Ec2Assumptions;
  readonly events: Ec2Events;
  readonly helpers: HelperHost;
}

/** The simulated present as the text that records keep. */
export const nowText = (sim: Simulation): string => sim.context.time.now().toISOString();

/** Kinds of resources with the records they are kept as. */
interface RecordOf {
  readonly instance: InstanceRecord;
  readonly volume: VolumeRecord;
  readonly snapshot: SnapshotRecord;
  readonly image: ImageRecord;
  readonly subnet: SubnetRecord;
  readonly vpc: VpcRecord;
  readonly vpcEndpoint: VpcEndpointRecord;
  readonly securityGroup: SecurityGroupRecord;
  readonly securityGroupRule: SecurityGroupRuleRecord;
  readonly networkInterface: NetworkInterfaceRecord;
  readonly keyPair: KeyPairRecord;
  readonly address: AddressRecord;
  readonly importTask: ImportTaskRecord;
  readonly imageImport: ImageImportRecord;
}

type Finders = { readonly [K in ResourceKindName]: (state: Ec2State, id: string) => RecordOf[K] | undefined };

const FINDERS: Finders = {
  instance: (state, id) => state.instances.get(id),
  // A deleted volume is only kept to answer for its client token.
  volume: (state, id) => {
    const volume = state.volumes.get(id);
    return volume?.state === 'deleted' ? undefined : volume;
  },
  snapshot: (state, id) => state.snapshots.get(id),
  image: (state, id) => state.images.get(id),
  subnet: (state, id) => state.subnets.get(id),
  vpc: (state, id) => state.vpcs.get(id),
  vpcEndpoint: (state, id) => state.vpcEndpoints.get(id),
  securityGroup: (state, id) => state.securityGroups.get(id),
  securityGroupRule: (state, id) => state.securityGroupRules.get(id),
  networkInterface: (state, id) => state.networkInterfaces.get(id),
  keyPair: (state, id) => state.keyPairs.get(id),
  address: (state, id) => state.addresses.get(id),
  importTask: (state, id) => state.importTasks.get(id),
  imageImport: (state, id) => state.imageImports.get(id),
};

export function find<K extends ResourceKindName>(
  sim: Simulation,
  kind: K,
  id: string,
): RecordOf[K] | undefined {
  return FINDERS[kind](sim.state, id);
}

/** @throws the kind's "malformed" or "not found" error */
export function need<K extends ResourceKindName>(sim: Simulation, kind: K, id: string): RecordOf[K] {
  const record = find(sim, kind, checkId(kind, id));
  if (!record) throw RESOURCE_KINDS[kind].notFound([id]);
  return record;
}

/** All of `ids`, in their order. @throws the kind's "malformed" error, or one "not found" naming all that are missing */
export function needAll<K extends ResourceKindName>(
  sim: Simulation,
  kind: K,
  ids: readonly string[],
): RecordOf[K][] {
  const found = ids.map((id) => find(sim, kind, checkId(kind, id)));
  const missing = ids.filter((_, index) => !found[index]);
  if (missing.length > 0) throw RESOURCE_KINDS[kind].notFound(missing);
  return found.filter((record) => record !== undefined);
}

/** Volumes attached (or being attached or detached) to an instance, in the order they were made. */
export const volumesOf = (sim: Simulation, instanceId: string): VolumeRecord[] =>
  sim.state.volumes.all().filter((volume) => volume.attachment?.instanceId === instanceId);

export const interfacesOf = (sim: Simulation, instanceId: string): NetworkInterfaceRecord[] =>
  sim.state.networkInterfaces
    .all()
    .filter((each) => each.attachment?.instanceId === instanceId)
    .sort((a, b) => (a.attachment?.deviceIndex ?? 0) - (b.attachment?.deviceIndex ?? 0));

/** `use1-az1` for `us-east-1a`; on AWS the mapping differs from account to account. */
export const zoneId = (sim: Simulation, zone: string): string =>
  `use1-az${sim.context.availabilityZones.indexOf(zone) + 1}`;
