import type {
  DescribeInstanceAttributeRequest,
  InstanceAttribute,
  ModifyInstanceAttributeRequest,
  ModifyInstanceMetadataOptionsRequest,
  ModifyInstanceMetadataOptionsResult,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { instanceOutput, metadataOptionsOutput } from './describe-instances.ts';
import { incorrectInstanceState, invalidCombination, invalidValue, required } from './errors.ts';
import {
  checkShutdownBehavior,
  checkTypeSuits,
  checkUserData,
  mergeMetadataOptions,
  needInstanceType,
} from './instance-settings.ts';
import { acceptOnly, mutation, type Operations, query } from './operation.ts';
import type { InstanceRecord, NetworkInterfaceRecord } from './records.ts';
import { chooseGroups } from './security-groups.ts';
import { interfacesOf, need, type Simulation, volumesOf } from './simulation.ts';

type Change = () => void;
type Request = ModifyInstanceAttributeRequest;

function checkStopped(instance: InstanceRecord): void {
  if (instance.state === 'stopped') return;
  throw incorrectInstanceState(`The instance '${instance.id}' is not in the 'stopped' state.`);
}

/** Groups and the source check are really the interface's; they can be set here while there is only one. */
function onlyInterface(sim: Simulation, instance: InstanceRecord): NetworkInterfaceRecord {
  const [primary, ...others] = interfacesOf(sim, instance.id);
  if (!primary || others.length > 0) {
    throw new AwsError(
      'InvalidInstanceID',
      `There are multiple interfaces attached to instance '${instance.id}'. Please specify an interface ID for the operation instead.`,
    );
  }
  return primary;
}

function prepareDevices(sim: Simulation, instance: InstanceRecord, request: Request): Change {
  const changes = (request.BlockDeviceMappings ?? []).map((mapping) => {
    acceptOnly(mapping, ['DeviceName', 'Ebs'], 'BlockDeviceMappings');
    acceptOnly(mapping.Ebs ?? {}, ['DeleteOnTermination', 'VolumeId'], 'BlockDeviceMappings.Ebs');
    const name = required(mapping.DeviceName, 'deviceName');
    const attachment = volumesOf(sim, instance.id).find(
      (volume) => volume.attachment?.device === name,
    )?.attachment;
    if (!attachment) {
      throw new AwsError('InvalidInstanceAttributeValue', `No device is currently mapped at ${name}`);
    }
    return { attachment, value: mapping.Ebs?.DeleteOnTermination };
  });
  return () => {
    for (const { attachment, value } of changes) {
      if (value !== undefined) attachment.deleteOnTermination = value;
    }
  };
}

function prepareType(instance: InstanceRecord, request: Request): Change {
  const type = needInstanceType(required(request.InstanceType?.Value, 'InstanceType'));
  checkStopped(instance);
  checkTypeSuits(type, instance);
  return () => {
    instance.type = type.name;
  };
}

function prepareUserData(instance: InstanceRecord, request: Request): Change {
  checkStopped(instance);
  const value = request.UserData?.Value;
  const text = value === undefined ? '' : checkUserData(Buffer.from(value).toString('base64'));
  return () => {
    if (text) instance.userData = text;
    else delete instance.userData;
  };
}

function prepareGroups(sim: Simulation, instance: InstanceRecord, request: Request): Change {
  const record = onlyInterface(sim, instance);
  const { vpcId, subnetId } = record;
  const groupIds = chooseGroups(sim, { vpcId, subnetId, ids: request.Groups });
  return () => {
    record.groupIds = groupIds;
  };
}

/** A change of a switch that only a stopped instance takes. */
function prepareStoppedFlag(
  instance: InstanceRecord,
  field: 'ebsOptimized' | 'enaSupport',
  value: boolean | undefined,
): Change {
  checkStopped(instance);
  return () => {
    instance[field] = value ?? false;
  };
}

type Preparer = (sim: Simulation, instance: InstanceRecord, request: Request) => Change;

const PREPARERS: { readonly [K in keyof Request & string]?: Preparer } = {
  BlockDeviceMappings: prepareDevices,
  DisableApiStop: (_, instance, request) => () => {
    instance.disableApiStop = request.DisableApiStop?.Value ?? false;
  },
  DisableApiTermination: (_, instance, request) => () => {
    instance.disableApiTermination = request.DisableApiTermination?.Value ?? false;
  },
  EbsOptimized: (_, instance, request) =>
    prepareStoppedFlag(instance, 'ebsOptimized', request.EbsOptimized?.Value),
  EnaSupport: (_, instance, request) => prepareStoppedFlag(instance, 'enaSupport', request.EnaSupport?.Value),
  Groups: prepareGroups,
  InstanceInitiatedShutdownBehavior: (_, instance, request) => {
    const value = checkShutdownBehavior(required(request.InstanceInitiatedShutdownBehavior?.Value, 'value'));
    return () => {
      instance.shutdownBehavior = value;
    };
  },
  InstanceType: (_, instance, request) => prepareType(instance, request),
  SourceDestCheck: (sim, instance, request) => {
    const record = onlyInterface(sim, instance);
    return () => {
      record.sourceDestCheck = request.SourceDestCheck?.Value ?? true;
    };
  },
  SriovNetSupport: (_, instance, request) => {
    checkStopped(instance);
    const value = required(request.SriovNetSupport?.Value, 'sriovNetSupport');
    if (value !== 'simple') throw invalidValue(`Value (${value}) for parameter sriovNetSupport is invalid.`);
    return () => {
      instance.sriovNetSupport = value;
    };
  },
  UserData: (_, instance, request) => prepareUserData(instance, request),
};

/** The old form names the attribute and gives its value as text. */
function fromOldForm(request: Request): Request {
  const { Attribute: attribute, Value: value, ...rest } = request;
  if (attribute === undefined) return request;
  const text = { Value: value };
  const flag = { Value: value === 'true' };
  switch (attribute) {
    case 'instanceType':
      return { ...rest, InstanceType: text };
    case 'instanceInitiatedShutdownBehavior':
      return { ...rest, InstanceInitiatedShutdownBehavior: text };
    case 'disableApiTermination':
      return { ...rest, DisableApiTermination: flag };
    case 'disableApiStop':
      return { ...rest, DisableApiStop: flag };
    case 'ebsOptimized':
      return { ...rest, EbsOptimized: flag };
    case 'enaSupport':
      return { ...rest, EnaSupport: flag };
    case 'sourceDestCheck':
      return { ...rest, SourceDestCheck: flag };
    case 'sriovNetSupport':
      return { ...rest, SriovNetSupport: text };
    case 'userData':
      return { ...rest, UserData: { Value: Buffer.from(value ?? '', 'base64') } };
    default:
      throw invalidValue(`Value (${attribute}) for parameter attribute is invalid. Unknown attribute.`);
  }
}

function prepareModification(sim: Simulation, input: Request): () => object {
  const request = fromOldForm(input);
  const instance = need(sim, 'instance', required(request.InstanceId, 'instanceId'));
  if (instance.state === 'terminated' || instance.state === 'shutting-down') {
    throw incorrectInstanceState(`The instance '${instance.id}' is in the '${instance.state}' state.`);
  }
  const names = (Object.keys(PREPARERS) as (keyof Request & string)[]).filter((name) =>
    isGiven(request[name]),
  );
  const [name, ...others] = names;
  if (!name || others.length > 0) {
    throw invalidCombination('Exactly one attribute must be specified for the instance to be modified');
  }
  const change = PREPARERS[name]?.(sim, instance, request);
  return () => {
    change?.();
    return {};
  };
}

const isGiven = (value: unknown): boolean =>
  value !== undefined && !(Array.isArray(value) && value.length === 0);

function attributeOutput(sim: Simulation, instance: InstanceRecord, attribute: string): InstanceAttribute {
  const flag = (value: boolean) => ({ Value: value });
  const text = (value: string | undefined) => (value === undefined ? {} : { Value: value });
  const shown = instanceOutput(sim, instance);
  switch (attribute) {
    case 'blockDeviceMapping':
      return { BlockDeviceMappings: shown.BlockDeviceMappings };
    case 'disableApiStop':
      return { DisableApiStop: flag(instance.disableApiStop) };
    case 'disableApiTermination':
      return { DisableApiTermination: flag(instance.disableApiTermination) };
    case 'ebsOptimized':
      return { EbsOptimized: flag(instance.ebsOptimized) };
    case 'enaSupport':
      return { EnaSupport: flag(instance.enaSupport) };
    case 'groupSet':
      return { Groups: shown.SecurityGroups };
    case 'instanceInitiatedShutdownBehavior':
      return { InstanceInitiatedShutdownBehavior: text(instance.shutdownBehavior) };
    case 'instanceType':
      return { InstanceType: text(instance.type) };
    case 'productCodes':
      return { ProductCodes: [] };
    case 'rootDeviceName':
      return { RootDeviceName: text(instance.rootDeviceName) };
    case 'sourceDestCheck':
      return { SourceDestCheck: flag(shown.SourceDestCheck ?? true) };
    case 'sriovNetSupport':
      return { SriovNetSupport: text(instance.sriovNetSupport) };
    case 'userData':
      return { UserData: text(instance.userData) };
    case 'kernel':
      return { KernelId: {} };
    case 'ramdisk':
      return { RamdiskId: {} };
    default:
      throw invalidValue(`Value (${attribute}) for parameter attribute is invalid. Unknown attribute.`);
  }
}

export function instanceAttributeOperations(sim: Simulation): Operations {
  return {
    DescribeInstanceAttribute: query<DescribeInstanceAttributeRequest, InstanceAttribute>(
      'DescribeInstanceAttribute',
      ['InstanceId', 'Attribute'],
      (input) => {
        const instance = need(sim, 'instance', required(input.InstanceId, 'instanceId'));
        return {
          InstanceId: instance.id,
          ...attributeOutput(sim, instance, required(input.Attribute, 'attribute')),
        };
      },
    ),
    ModifyInstanceAttribute: mutation<Request, object>(
      sim,
      'ModifyInstanceAttribute',
      ['InstanceId', 'Attribute', 'Value', ...(Object.keys(PREPARERS) as (keyof Request & string)[])],
      (input) => prepareModification(sim, input),
    ),
    ModifyInstanceMetadataOptions: mutation<
      ModifyInstanceMetadataOptionsRequest,
      ModifyInstanceMetadataOptionsResult
    >(
      sim,
      'ModifyInstanceMetadataOptions',
      [
        'InstanceId',
        'HttpTokens',
        'HttpPutResponseHopLimit',
        'HttpEndpoint',
        'HttpProtocolIpv6',
        'InstanceMetadataTags',
      ],
      ({ InstanceId, ...asked }) => {
        const instance = need(sim, 'instance', required(InstanceId, 'instanceId'));
        const options = mergeMetadataOptions(instance.metadataOptions, asked);
        return () => {
          instance.metadataOptions = options;
          return {
            InstanceId: instance.id,
            InstanceMetadataOptions: { ...metadataOptionsOutput(options), State: 'pending' },
          };
        };
      },
    ),
  };
}
