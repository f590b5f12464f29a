import type {
  _InstanceType,
  ArchitectureValues,
  BootModeValues,
  HttpTokensState,
  InstanceBootModeValues,
  InstanceMetadataEndpointState,
  InstanceMetadataProtocolState,
  InstanceMetadataTagsState,
  VirtualizationType,
  VolumeType,
} from '@aws-sdk/client-ec2';
import type { FaultEffects } from '../faults.ts';

/** What the simulation remembers; plain JSON (times are ISO 8601 text), written out as it is. */

export interface Tag {
  Key: string;
  Value: string;
}

export interface TableRecord {
  readonly id: string;
  /** Rises with every record made; the order of lists and the position that a page token names. */
  readonly seq: number;
}

export interface TaggedRecord extends TableRecord {
  tags: Tag[];
}

export type AttachmentState = 'attaching' | 'attached' | 'detaching' | 'busy';

export interface AttachmentRecord {
  readonly instanceId: string;
  readonly device: string;
  state: AttachmentState;
  readonly attachTime: string;
  deleteOnTermination: boolean;
  /** Set when its detachment was forced: what the guest has open does not hold it back. */
  forced?: boolean;
}

/** Licence that travels with a disk from image to volume to snapshot: what EC2 bills for. */
export interface BillingRecord {
  readonly platformDetails: string;
  readonly usageOperation: string;
}

export type VolumeStateName = 'creating' | 'available' | 'in-use' | 'deleting' | 'deleted' | 'error';

export interface VolumeRecord extends TaggedRecord {
  readonly zone: string;
  sizeGiB: number;
  type: VolumeType;
  iops?: number;
  throughput?: number;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly snapshotId?: string;
  readonly initializationRate?: number;
  readonly createTime: string;
  readonly billing?: BillingRecord;
  state: VolumeStateName;
  attachment?: AttachmentRecord;
  /** Whether the bytes of the snapshot have all arrived (at once for an empty volume). */
  contentReady: boolean;
  /** Whether lazy loading from the snapshot is over; only tells about speed, the bytes are all there. */
  initialized: boolean;
  modification?: VolumeModificationRecord;
}

export interface VolumeModificationRecord {
  state: 'modifying' | 'optimizing' | 'completed';
  readonly from: VolumeShape;
  readonly to: VolumeShape;
  readonly startTime: string;
  endTime?: string;
}

export interface VolumeShape {
  readonly sizeGiB: number;
  readonly type: VolumeType;
  readonly iops?: number;
  readonly throughput?: number;
}

export interface SnapshotRecord extends TaggedRecord {
  /** `vol-ffffffff` for one that was imported or written directly, as on AWS. */
  readonly volumeId: string;
  readonly sizeGiB: number;
  readonly description: string;
  readonly ownerId: string;
  readonly ownerAlias?: string;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly startTime: string;
  readonly billing?: BillingRecord;
  state: 'pending' | 'completed' | 'error';
  stateMessage?: string;
  progress: number;
  completionTime?: string;
  /** Bytes of its non-zero blocks; known once they are copied. */
  fullBytes?: number;
  /** On a snapshot that is written block by block through the EBS direct APIs. */
  direct?: DirectSnapshotRecord;
}

export interface DirectSnapshotRecord {
  /** Whose blocks it has where it was given none of its own. */
  readonly parentId?: string;
  /** The same for all snapshots that go back to one volume or one parent. */
  readonly lineage: string;
  /** Simulated minutes without a block or its completion after which it is given up. */
  readonly timeoutMinutes: number;
  /** What a fault rule wants it to come to. */
  readonly fate?: FaultEffects;
  /** Once CompleteSnapshot was called: it takes no more blocks. */
  sealed?: true;
}

export interface ImageDeviceRecord {
  readonly deviceName: string;
  readonly virtualName?: string;
  readonly noDevice?: boolean;
  readonly ebs?: {
    readonly snapshotId?: string;
    readonly sizeGiB: number;
    readonly type: VolumeType;
    readonly iops?: number;
    readonly throughput?: number;
    readonly deleteOnTermination: boolean;
    readonly encrypted: boolean;
  };
}

export interface ImageRecord extends TaggedRecord {
  readonly name: string;
  readonly description: string;
  readonly location: string;
  readonly ownerId: string;
  readonly ownerAlias?: string;
  readonly public: boolean;
  readonly architecture: ArchitectureValues;
  readonly virtualizationType: VirtualizationType;
  readonly platform?: 'windows';
  readonly billing: BillingRecord;
  readonly bootMode?: BootModeValues;
  readonly uefiData?: string;
  readonly tpmSupport?: string;
  readonly imdsSupport?: string;
  readonly enaSupport: boolean;
  readonly sriovNetSupport?: string;
  readonly rootDeviceName: string;
  readonly devices: ImageDeviceRecord[];
  readonly creationDate: string;
  readonly sourceInstanceId?: string;
  state: 'pending' | 'available' | 'failed';
  stateReason?: StateReasonRecord;
}

export interface StateReasonRecord {
  readonly code: string;
  readonly message: string;
}

export type InstanceStateText =
  | 'pending'
  | 'running'
  | 'shutting-down'
  | 'terminated'
  | 'stopping'
  | 'stopped';

/** How far the program of a helper appliance is; `hung` stands for a machine that answers nobody any more. */
export type HelperStatus = 'coming up' | 'running' | 'hung' | 'off';

export interface MetadataOptionsRecord {
  httpTokens: HttpTokensState;
  httpPutResponseHopLimit: number;
  httpEndpoint: InstanceMetadataEndpointState;
  httpProtocolIpv6: InstanceMetadataProtocolState;
  instanceMetadataTags: InstanceMetadataTagsState;
}

export interface InstanceRecord extends TaggedRecord {
  readonly reservationId: string;
  readonly launchIndex: number;
  readonly clientToken?: string;
  readonly imageId: string;
  type: _InstanceType;
  launchTime: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly architecture: ArchitectureValues;
  readonly virtualizationType: VirtualizationType;
  readonly platform?: 'windows';
  readonly billing: BillingRecord;
  readonly rootDeviceName: string;
  readonly bootMode?: BootModeValues;
  readonly currentBootMode: InstanceBootModeValues;
  readonly uefiData?: string;
  readonly tpmSupport?: string;
  readonly keyName?: string;
  readonly monitoring: boolean;
  userData?: string;
  ebsOptimized: boolean;
  enaSupport: boolean;
  sriovNetSupport?: string;
  shutdownBehavior: string;
  disableApiTermination: boolean;
  disableApiStop: boolean;
  metadataOptions: MetadataOptionsRecord;
  /** Absent: `default`. */
  readonly autoRecovery?: 'default' | 'disabled';
  profile?: { associationId: string; arn: string; profileId: string; since: string };
  state: InstanceStateText;
  stateReason?: StateReasonRecord;
  stateTransitionReason: string;
  /** Result of the status checks of the present run; absent while they are under way. */
  checks?: 'ok' | 'impaired';
  checkedAt?: string;
  terminatedAt?: string;
  /** Set once the user data of a helper appliance was looked at, which happens at the first boot alone. */
  helper?: { readonly status: HelperStatus };
}

export interface AddressAssociationRecord {
  readonly associationId?: string;
  readonly allocationId?: string;
  readonly publicIp: string;
}

export interface NetworkInterfaceRecord extends TaggedRecord {
  readonly subnetId: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly privateIp: string;
  readonly mac: string;
  description: string;
  groupIds: string[];
  sourceDestCheck: boolean;
  /** Whether it gets a public address of Amazon's for as long as its instance runs. */
  autoPublicIp: boolean;
  association?: AddressAssociationRecord;
  attachment?: {
    readonly id: string;
    readonly instanceId: string;
    readonly deviceIndex: number;
    readonly time: string;
    state: 'attaching' | 'attached';
    deleteOnTermination: boolean;
  };
}

export interface VpcRecord extends TaggedRecord {
  readonly cidr: string;
  readonly isDefault: boolean;
  /** Absent: on. */
  dnsSupport?: boolean;
  /** Absent: on in a default VPC alone. */
  dnsHostnames?: boolean;
}

/** A gateway endpoint of S3. */
export interface VpcEndpointRecord extends TaggedRecord {
  readonly vpcId: string;
  readonly routeTableIds: readonly string[];
  readonly policy?: string;
  readonly createTime: string;
}

export interface SubnetRecord extends TaggedRecord {
  readonly vpcId: string;
  readonly cidr: string;
  readonly zone: string;
  readonly isDefault: boolean;
  readonly mapPublicIp: boolean;
}

export interface SecurityGroupRecord extends TaggedRecord {
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
}

export interface SecurityGroupRuleRecord extends TaggedRecord {
  readonly groupId: string;
  readonly egress: boolean;
  /** `tcp`, `udp`, `icmp`, a protocol number or `-1` for all. */
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidrIpv4?: string;
  readonly cidrIpv6?: string;
  readonly prefixListId?: string;
  readonly referencedGroupId?: string;
  readonly description?: string;
}

export interface KeyPairRecord extends TaggedRecord {
  readonly name: string;
  readonly type: 'rsa' | 'ed25519';
  readonly fingerprint: string;
  readonly publicKey: string;
  readonly createTime: string;
}

export interface AddressRecord extends TaggedRecord {
  readonly publicIp: string;
  associationId?: string;
  networkInterfaceId?: string;
}

export interface ImportTaskRecord extends TaggedRecord {
  readonly description?: string;
  readonly bucket: string;
  readonly key: string;
  /** How the request named the object, given back as it came. */
  readonly url?: string;
  readonly containerDescription?: string;
  readonly format: string;
  readonly roleName: string;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly startTime: string;
  status: string;
  statusMessage?: string;
  progress?: number;
  diskImageBytes?: number;
  /** Chosen before its bytes are read, so that reading again after a restart replaces what was there. */
  readonly futureSnapshotId: string;
  /** Set when all bytes are read but the snapshot is not there as yet. */
  read?: { readonly sizeGiB: number; readonly fullBytes: number };
  snapshotId?: string;
  endTime?: string;
}

/** What a client token was used for, so that the same request again gives the same answer. */
export interface ClientTokenRecord extends TableRecord {
  readonly requestDigest: string;
  readonly time: string;
  readonly resourceIds: string[];
}

export interface TransitionRecord extends TableRecord {
  readonly kind: string;
  readonly resourceId: string;
  /** Simulated seconds from its scheduling (or from the region's restart) until it happens. */
  readonly seconds: number;
  readonly fate?: FaultEffects;
}

export interface SettingsRecord {
  encryptionByDefault: boolean;
}
