import type {
  DeregisterImageRequest,
  DeregisterImageResult,
  DescribeImageAttributeRequest,
  DescribeImagesRequest,
  DescribeImagesResult,
  Image,
  ImageAttribute,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { WIRE_WINDOWS } from './describe-instances.ts';
import { invalidValue, required } from './errors.ts';
import { describe, type FilterTable } from './filters.ts';
import { imageDeviceOutput } from './image-devices.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { ImageRecord } from './records.ts';
import { need, type Simulation } from './simulation.ts';
import { removeSnapshot } from './snapshot-store.ts';
import { imagesUsing, isOwnedBy } from './snapshots.ts';
import { tagList } from './tags.ts';

function imageOutput(image: ImageRecord): Image {
  return {
    ImageId: image.id,
    Name: image.name,
    Description: image.description,
    ImageLocation: image.location,
    ImageType: 'machine',
    OwnerId: image.ownerId,
    Public: image.public,
    State: image.state,
    CreationDate: image.creationDate,
    Architecture: image.architecture,
    VirtualizationType: image.virtualizationType,
    Hypervisor: 'xen',
    PlatformDetails: image.billing.platformDetails,
    UsageOperation: image.billing.usageOperation,
    RootDeviceName: image.rootDeviceName,
    RootDeviceType: 'ebs',
    BlockDeviceMappings: image.devices.map(imageDeviceOutput),
    EnaSupport: image.enaSupport,
    ProductCodes: [],
    Tags: tagList(image),
    ...(image.ownerAlias ? { ImageOwnerAlias: image.ownerAlias } : {}),
    ...(image.platform ? { Platform: WIRE_WINDOWS } : {}),
    ...(image.bootMode ? { BootMode: image.bootMode } : {}),
    ...(image.tpmSupport ? { TpmSupport: 'v2.0' as const } : {}),
    ...(image.imdsSupport ? { ImdsSupport: 'v2.0' as const } : {}),
    ...(image.sriovNetSupport ? { SriovNetSupport: image.sriovNetSupport } : {}),
    ...(image.sourceInstanceId ? { SourceInstanceId: image.sourceInstanceId } : {}),
    ...(image.stateReason
      ? { StateReason: { Code: image.stateReason.code, Message: image.stateReason.message } }
      : {}),
  };
}

const FILTERS: FilterTable<ImageRecord> = {
  architecture: (image) => image.architecture,
  'block-device-mapping.device-name': (image) => image.devices.map((device) => device.deviceName),
  'block-device-mapping.snapshot-id': (image) => image.devices.map((device) => device.ebs?.snapshotId),
  'boot-mode': (image) => image.bootMode,
  'creation-date': (image) => image.creationDate,
  description: (image) => image.description,
  'ena-support': (image) => image.enaSupport,
  hypervisor: () => 'xen',
  'image-id': (image) => image.id,
  'image-type': () => 'machine',
  'is-public': (image) => image.public,
  name: (image) => image.name,
  'owner-alias': (image) => image.ownerAlias,
  'owner-id': (image) => image.ownerId,
  platform: (image) => image.platform,
  'platform-details': (image) => image.billing.platformDetails,
  'root-device-name': (image) => image.rootDeviceName,
  'root-device-type': () => 'ebs',
  'source-instance-id': (image) => image.sourceInstanceId,
  state: (image) => image.state,
  'tpm-support': (image) => image.tpmSupport,
  'usage-operation': (image) => image.billing.usageOperation,
  'virtualization-type': (image) => image.virtualizationType,
};

/** Who may launch: `self` (own images), `all` (public ones) or an account. */
function isExecutableBy(sim: Simulation, image: ImageRecord, users: readonly string[]): boolean {
  const mine = image.ownerId === sim.context.accountId;
  return users.some((user) => (user === 'all' ? image.public : user === 'self' && !mine && image.public));
}

interface DeletedSnapshot {
  readonly SnapshotId: string;
  readonly ReturnCode: 'success' | 'skipped';
}

function prepareDeregistration(sim: Simulation, input: DeregisterImageRequest): () => DeregisterImageResult {
  const image = need(sim, 'image', required(input.ImageId, 'imageId'));
  if (image.ownerId !== sim.context.accountId) {
    throw new AwsError('AuthFailure', `Not authorized for image:${image.id}`, 403);
  }
  return () => {
    sim.transitions.cancel(image.id);
    sim.state.images.delete(image.id);
    const snapshotIds = image.devices
      .map((device) => device.ebs?.snapshotId)
      .filter((id) => id !== undefined);
    const results: DeletedSnapshot[] = input.DeleteAssociatedSnapshots
      ? [...new Set(snapshotIds)].map((SnapshotId) => {
          // A snapshot that another image uses as well is kept.
          if (imagesUsing(sim, SnapshotId).length > 0) return { SnapshotId, ReturnCode: 'skipped' };
          removeSnapshot(sim, SnapshotId);
          return { SnapshotId, ReturnCode: 'success' };
        })
      : [];
    return { Return: true, DeleteSnapshotResults: results };
  };
}

function attributeOutput(image: ImageRecord, attribute: string): ImageAttribute {
  const value = (text: string | undefined) => (text === undefined ? {} : { Value: text });
  switch (attribute) {
    case 'description':
      return { Description: value(image.description) };
    case 'bootMode':
      return { BootMode: value(image.bootMode) };
    case 'tpmSupport':
      return { TpmSupport: value(image.tpmSupport) };
    case 'imdsSupport':
      return { ImdsSupport: value(image.imdsSupport) };
    case 'uefiData':
      return { UefiData: value(image.uefiData) };
    case 'sriovNetSupport':
      return { SriovNetSupport: value(image.sriovNetSupport) };
    case 'blockDeviceMapping':
      return { BlockDeviceMappings: image.devices.map(imageDeviceOutput) };
    case 'launchPermission':
      return { LaunchPermissions: image.public ? [{ Group: 'all' }] : [] };
    case 'productCodes':
      return { ProductCodes: [] };
    default:
      throw invalidValue(`Value (${attribute}) for parameter attribute is invalid. Unknown attribute.`);
  }
}

export function imageOperations(sim: Simulation): Operations {
  return {
    DescribeImages: query<DescribeImagesRequest, DescribeImagesResult>(
      'DescribeImages',
      [
        'ImageIds',
        'Owners',
        'ExecutableUsers',
        'Filters',
        'MaxResults',
        'NextToken',
        'IncludeDeprecated',
        'IncludeDisabled',
      ],
      (input) => {
        const owners = input.Owners ?? [];
        const users = input.ExecutableUsers ?? [];
        const items = sim.state.images
          .all()
          .filter((image) => owners.length === 0 || isOwnedBy(sim, image, owners))
          .filter((image) => users.length === 0 || isExecutableBy(sim, image, users));
        const { page, ...token } = describe({
          kind: 'image',
          items,
          ids: input.ImageIds,
          request: input,
          filters: FILTERS,
          tagsOf: (image) => image.tags,
          limits: { min: 1, max: 1000 },
        });
        return { Images: page.map(imageOutput), ...token };
      },
    ),
    DeregisterImage: mutation<DeregisterImageRequest, DeregisterImageResult>(
      sim,
      'DeregisterImage',
      ['ImageId', 'DeleteAssociatedSnapshots'],
      (input) => prepareDeregistration(sim, input),
    ),
    DescribeImageAttribute: query<DescribeImageAttributeRequest, ImageAttribute>(
      'DescribeImageAttribute',
      ['ImageId', 'Attribute'],
      (input) => {
        const image = need(sim, 'image', required(input.ImageId, 'imageId'));
        return { ImageId: image.id, ...attributeOutput(image, required(input.Attribute, 'attribute')) };
      },
    ),
  };
}
