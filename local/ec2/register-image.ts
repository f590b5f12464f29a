import type { RegisterImageRequest, RegisterImageResult } from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { SECONDS } from './durations.ts';
import { invalidCombination, invalidValue, oneOf, required } from './errors.ts';
import { makeId } from './ids.ts';
import { parseImageDevices } from './image-devices.ts';
import { mutation, type Operations } from './operation.ts';
import type { BillingRecord, ImageDeviceRecord, ImageRecord } from './records.ts';
import { find, nowText, type Simulation } from './simulation.ts';
import { tagsAtCreation } from './tags.ts';

const NAME_FORM = /^[A-Za-z0-9()[\] ./\-'@_]{3,128}$/;
/** 64,000 characters of base64, whose content EC2 checks and we do not. */
const UEFI_DATA_FORM = /^[A-Za-z0-9+/=\s]{1,64000}$/;

export const PLAIN_LINUX: BillingRecord = { platformDetails: 'Linux/UNIX', usageOperation: 'RunInstances' };

/** @throws InvalidAMIName.Malformed, InvalidAMIName.Duplicate */
export function checkImageName(sim: Simulation, name: string): string {
  if (!NAME_FORM.test(name)) {
    throw new AwsError(
      'InvalidAMIName.Malformed',
      "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'",
    );
  }
  const { accountId } = sim.context;
  const holder = sim.state.images.all().find((image) => image.ownerId === accountId && image.name === name);
  if (holder) {
    throw new AwsError('InvalidAMIName.Duplicate', `AMI name ${name} is already in use by AMI ${holder.id}`);
  }
  return name;
}

/** How the image boots. @throws InvalidParameterValue, InvalidParameterCombination */
function parseBoot(input: RegisterImageRequest, architecture: string) {
  const bootMode = oneOf(input.BootMode, ['legacy-bios', 'uefi', 'uefi-preferred'], 'bootMode');
  const tpmSupport = oneOf(input.TpmSupport, ['v2.0'], 'tpmSupport');
  const imdsSupport = oneOf(input.ImdsSupport, ['v2.0'], 'imdsSupport');
  if (architecture === 'arm64' && bootMode && bootMode !== 'uefi') {
    throw invalidCombination(`The architecture arm64 does not support the boot mode ${bootMode}.`);
  }
  if (tpmSupport && bootMode !== 'uefi') {
    throw invalidCombination('The parameter TpmSupport requires the boot mode uefi.');
  }
  const uefiData = input.UefiData;
  if (uefiData !== undefined && (bootMode === undefined || bootMode === 'legacy-bios')) {
    throw invalidCombination('The parameter UefiData requires the boot mode uefi or uefi-preferred.');
  }
  if (uefiData !== undefined && !UEFI_DATA_FORM.test(uefiData))
    throw invalidValue('The UefiData is malformed.');
  return {
    ...(bootMode ? { bootMode } : {}),
    ...(tpmSupport ? { tpmSupport } : {}),
    ...(imdsSupport ? { imdsSupport } : {}),
    ...(uefiData ? { uefiData } : {}),
  };
}

/** What EC2 bills for comes with the root snapshot's metadata; one that was imported or written has none. */
function billingOf(sim: Simulation, root: ImageDeviceRecord): BillingRecord {
  const snapshot = root.ebs?.snapshotId ? find(sim, 'snapshot', root.ebs.snapshotId) : undefined;
  return snapshot?.billing ?? PLAIN_LINUX;
}

function needRoot(devices: readonly ImageDeviceRecord[], rootDeviceName: string): ImageDeviceRecord {
  const root = devices.find((device) => device.deviceName === rootDeviceName);
  if (!root?.ebs?.snapshotId) {
    throw new AwsError(
      'InvalidBlockDeviceMapping',
      `Must specify a snapshot for the root device ${rootDeviceName}`,
    );
  }
  return root;
}

function prepare(sim: Simulation, input: RegisterImageRequest, call: Call): () => RegisterImageResult {
  const name = checkImageName(sim, required(input.Name, 'name'));
  const rootDeviceName = required(input.RootDeviceName, 'rootDeviceName');
  const devices = parseImageDevices(sim, required(input.BlockDeviceMappings, 'blockDeviceMapping'));
  const root = needRoot(devices, rootDeviceName);
  // AWS's defaults, odd as they are today.
  const architecture = oneOf(input.Architecture, ['i386', 'x86_64', 'arm64'], 'architecture') ?? 'i386';
  const virtualizationType =
    oneOf(input.VirtualizationType, ['hvm', 'paravirtual'], 'virtualizationType') ?? 'paravirtual';
  const sriovNetSupport = oneOf(input.SriovNetSupport, ['simple'], 'sriovNetSupport');
  const boot = parseBoot(input, architecture);
  if (architecture === 'arm64' && virtualizationType !== 'hvm') {
    throw invalidCombination('The architecture arm64 requires the virtualization type hvm.');
  }
  const billing = billingOf(sim, root);
  const tags = tagsAtCreation(input.TagSpecifications, ['image']);
  return () => {
    const image = insertImage(sim, {
      ...boot,
      name,
      description: input.Description ?? '',
      architecture,
      virtualizationType,
      rootDeviceName,
      devices,
      billing,
      enaSupport: input.EnaSupport ?? false,
      tags: tags('image'),
      ...(sriovNetSupport ? { sriovNetSupport } : {}),
    });
    if (!call.effects.stuck) scheduleRegistration(sim, image, call);
    return { ImageId: image.id };
  };
}

type NewImage = Omit<
  ImageRecord,
  'id' | 'seq' | 'location' | 'ownerId' | 'public' | 'creationDate' | 'state'
>;

export function insertImage(sim: Simulation, fields: NewImage): ImageRecord {
  const { accountId } = sim.context;
  return sim.state.images.insert({
    ...fields,
    ...(fields.billing.platformDetails.startsWith('Windows') ? { platform: 'windows' as const } : {}),
    id: makeId('ami'),
    location: `${accountId}/${fields.name}`,
    ownerId: accountId,
    public: false,
    creationDate: nowText(sim),
    state: 'pending',
  });
}

export function scheduleRegistration(sim: Simulation, image: ImageRecord, call: Call): void {
  sim.transitions.schedule({
    kind: 'image-registered',
    resourceId: image.id,
    seconds: SECONDS.imagePending,
    fate: call.effects,
  });
}

export function handleImageTransitions(sim: Simulation): void {
  sim.transitions.on('image-registered', (id, { fate }) => {
    const image = sim.state.images.get(id);
    if (image?.state !== 'pending') return;
    const snapshots = image.devices
      .map((device) => device.ebs?.snapshotId)
      .map((snapshotId) => (snapshotId ? find(sim, 'snapshot', snapshotId) : undefined));
    const spoiled = fate.endState !== undefined || snapshots.some((each) => each?.state === 'error');
    if (spoiled) {
      image.state = 'failed';
      image.stateReason = {
        code: 'Server.InternalError',
        message: fate.message ?? 'The image could not be created.',
      };
      return;
    }
    if (snapshots.some((each) => each?.state === 'pending')) {
      // An image of an instance is there when its snapshots are.
      sim.transitions.schedule({
        kind: 'image-registered',
        resourceId: id,
        seconds: SECONDS.imagePending,
        fate,
      });
      return;
    }
    image.state = 'available';
  });
}

export function registerImageOperations(sim: Simulation): Operations {
  return {
    RegisterImage: mutation<RegisterImageRequest, RegisterImageResult>(
      sim,
      'RegisterImage',
      [
        'Architecture',
        'BlockDeviceMappings',
        'BootMode',
        'Description',
        'EnaSupport',
        'ImdsSupport',
        'Name',
        'RootDeviceName',
        'SriovNetSupport',
        'TagSpecifications',
        'TpmSupport',
        'UefiData',
        'VirtualizationType',
      ],
      (input, call) => prepare(sim, input, call),
    ),
  };
}
