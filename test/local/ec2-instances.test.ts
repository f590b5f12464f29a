import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AL2023_ARM,
  AL2023_X86,
  codeOf,
  DEFAULT_GROUP,
  DEFAULT_VPC,
  failure,
  makeVolume,
  openTestEc2,
  runInstance,
  SUBNET_A,
  SUBNET_B,
  stateOf,
  type TestEc2,
  UBUNTU,
  volumeOf,
  WINDOWS,
} from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

const LAUNCH = {
  ImageId: AL2023_X86,
  InstanceType: 't3.micro',
  MinCount: 1,
  MaxCount: 1,
  SubnetId: SUBNET_A,
} as const;

async function describeOne(id: string) {
  const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [id] });
  return Reservations?.[0]?.Instances?.[0] ?? {};
}

const statesOf = (id: string): unknown[] =>
  ec2.events
    .filter((event) => event.detailType === 'EC2 Instance State-change Notification')
    .filter((event) => event.detail['instance-id'] === id)
    .map((event) => event.detail.state);

describe('RunInstances', () => {
  it('goes from pending to running in sixteen seconds, with volumes, addresses and groups', async () => {
    const launch = await ec2.api.runInstances({
      ...LAUNCH,
      KeyName: 'landfall-local',
      UserData: Buffer.from('#!/bin/sh\n').toString('base64'),
      IamInstanceProfile: { Name: 'web' },
      TagSpecifications: [
        { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'web01' }] },
        { ResourceType: 'volume', Tags: [{ Key: 'of', Value: 'web01' }] },
        { ResourceType: 'network-interface', Tags: [{ Key: 'nic', Value: 'web01' }] },
      ],
    });
    const [answered] = launch.Instances ?? [];
    const id = answered?.InstanceId ?? '';
    expect(answered).toMatchObject({ State: { Code: 0, Name: 'pending' }, BlockDeviceMappings: [] });
    await ec2.advance(15.9);
    expect(await stateOf(ec2, id)).toBe('pending');
    await ec2.advance(0.1);
    expect(await describeOne(id)).toMatchObject({
      State: { Code: 16, Name: 'running' },
      ImageId: AL2023_X86,
      InstanceType: 't3.micro',
      Architecture: 'x86_64',
      VirtualizationType: 'hvm',
      BootMode: 'uefi-preferred',
      CurrentInstanceBootMode: 'uefi',
      RootDeviceName: '/dev/xvda',
      RootDeviceType: 'ebs',
      PlatformDetails: 'Linux/UNIX',
      UsageOperation: 'RunInstances',
      EnaSupport: true,
      KeyName: 'landfall-local',
      PrivateIpAddress: '172.31.0.4',
      SubnetId: SUBNET_A,
      VpcId: DEFAULT_VPC,
      Placement: { AvailabilityZone: 'us-east-1a' },
      SecurityGroups: [{ GroupId: DEFAULT_GROUP, GroupName: 'default' }],
      IamInstanceProfile: { Arn: 'arn:aws:iam::123456789012:instance-profile/web' },
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2, HttpEndpoint: 'enabled' },
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { Status: 'attached', DeleteOnTermination: true } },
      ],
      Tags: [{ Key: 'Name', Value: 'web01' }],
    });
    const { Volumes } = await ec2.api.describeVolumes({ Filters: [{ Name: 'tag:of', Values: ['web01'] }] });
    expect(Volumes).toMatchObject([{ State: 'in-use', Size: 8, VolumeType: 'gp3' }]);
    const nics = await ec2.api.describeNetworkInterfaces({
      Filters: [{ Name: 'tag:nic', Values: ['web01'] }],
    });
    expect(nics.NetworkInterfaces).toMatchObject([
      { Status: 'in-use', PrivateIpAddress: '172.31.0.4', Attachment: { InstanceId: id, DeviceIndex: 0 } },
    ]);
    const { UserData } = await ec2.api.describeInstanceAttribute({ InstanceId: id, Attribute: 'userData' });
    expect(UserData?.Value).toBe('IyEvYmluL3NoCg==');
    expect(statesOf(id)).toEqual(['pending', 'running']);
  });

  it('launches Windows as the licence and platform say', async () => {
    const id = await runInstance(ec2, { ImageId: WINDOWS });
    expect(await describeOne(id)).toMatchObject({
      Platform: 'windows',
      PlatformDetails: 'Windows',
      UsageOperation: 'RunInstances:0002',
      CurrentInstanceBootMode: 'legacy-bios',
    });
  });

  it.each([
    [{ ImageId: 'ami-00000000000000000' }, 'InvalidAMIID.NotFound'],
    [{ ImageId: 'image' }, 'InvalidAMIID.Malformed'],
    [{ ImageId: 'resolve:ssm:/aws/service/x' }, 'UnsupportedOperation'],
    [{ InstanceType: 'x99.huge' as 't3.micro' }, 'InvalidParameterValue'],
    [{ SubnetId: 'subnet-00000000000000000' }, 'InvalidSubnetID.NotFound'],
    [{ KeyName: 'nobody' }, 'InvalidKeyPair.NotFound'],
    [{ SecurityGroupIds: ['sg-00000000000000000'] }, 'InvalidGroup.NotFound'],
    [{ PrivateIpAddress: '10.0.0.1' }, 'InvalidParameterValue'],
    [{ PrivateIpAddress: '172.31.0.3' }, 'InvalidParameterValue'],
    [{ MaxCount: 0 }, 'InvalidParameterValue'],
    [{ MaxCount: 2, PrivateIpAddress: '172.31.0.9' }, 'InvalidParameterCombination'],
    [{ UserData: '***' }, 'InvalidParameterValue'],
    [{ UserData: Buffer.alloc(16_385, 1).toString('base64') }, 'InvalidParameterValue'],
    [{ ImageId: AL2023_ARM }, 'InvalidParameterValue'],
    [{ Placement: { AvailabilityZone: 'us-east-1b' } }, 'InvalidParameterValue'],
    [
      { IamInstanceProfile: { Arn: 'arn:aws:iam::999999999999:instance-profile/x' } },
      'InvalidParameterValue',
    ],
    [{ LaunchTemplate: { LaunchTemplateName: 'x' } }, 'UnsupportedOperation'],
    [{ InstanceMarketOptions: { MarketType: 'spot' as const } }, 'UnsupportedOperation'],
    [{ NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: SUBNET_A }] }, 'InvalidParameterCombination'],
    [{ BlockDeviceMappings: [{ DeviceName: '/dev/xvda', NoDevice: '' }] }, 'InvalidBlockDeviceMapping'],
    [
      { BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 7 } }] },
      'InvalidBlockDeviceMapping',
    ],
    [{ BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: {} }] }, 'InvalidBlockDeviceMapping'],
    [{ TagSpecifications: [{ ResourceType: 'snapshot' as const, Tags: [] }] }, 'InvalidParameter'],
    [{ DryRun: true }, 'DryRunOperation'],
  ])('refuses %j as %s and makes nothing', async (more, code) => {
    expect(await codeOf(ec2.api.runInstances({ ...LAUNCH, ...more }))).toBe(code);
    expect((await ec2.api.describeInstances({})).Reservations).toEqual([]);
    expect((await ec2.api.describeVolumes({})).Volumes).toEqual([]);
    expect((await ec2.api.describeNetworkInterfaces({})).NetworkInterfaces).toEqual([]);
  });

  it('says which architectures do not match', async () => {
    const { message } = await failure(ec2.api.runInstances({ ...LAUNCH, InstanceType: 'm7g.large' }));
    expect(message).toMatch(
      /^The architecture 'arm64' of the specified instance type does not match the architecture 'x86_64'/,
    );
    await runInstance(ec2, { ImageId: AL2023_ARM, InstanceType: 'm7g.large' });
  });

  it('takes an address once', async () => {
    const first = await runInstance(ec2, { PrivateIpAddress: '172.31.5.5' });
    expect(await failure(ec2.api.runInstances({ ...LAUNCH, PrivateIpAddress: '172.31.5.5' }))).toEqual({
      code: 'InvalidIPAddress.InUse',
      message: 'Address 172.31.5.5 is in use.',
    });
    await ec2.api.terminateInstances({ InstanceIds: [first] });
    await ec2.advance(15);
    expect(
      (await ec2.api.runInstances({ ...LAUNCH, PrivateIpAddress: '172.31.5.5' })).Instances,
    ).toHaveLength(1);
  });

  it('counts the free addresses of a subnet', async () => {
    const free = async () =>
      (await ec2.api.describeSubnets({ SubnetIds: [SUBNET_A] })).Subnets?.[0]?.AvailableIpAddressCount;
    expect(await free()).toBe(4091);
    await runInstance(ec2, { MaxCount: 3 });
    expect(await free()).toBe(4088);
  });

  it('refuses groups of another network', async () => {
    const { Vpc } = await ec2.api.createVpc({ CidrBlock: '10.1.0.0/16' });
    const { GroupId = '' } = await ec2.api.createSecurityGroup({
      GroupName: 'elsewhere',
      Description: 'of another VPC',
      VpcId: Vpc?.VpcId ?? '',
    });
    expect(await failure(ec2.api.runInstances({ ...LAUNCH, SecurityGroupIds: [GroupId] }))).toEqual({
      code: 'InvalidParameter',
      message: `Security group ${GroupId} and subnet ${SUBNET_A} belong to different networks.`,
    });
  });

  it('answers the same request again with the same instance until that is terminated', async () => {
    const input = { ...LAUNCH, ClientToken: 'restore-1' };
    const first = await ec2.api.runInstances(input);
    await ec2.advance(16);
    const again = await ec2.api.runInstances(input);
    expect(again.ReservationId).toBe(first.ReservationId);
    expect(again.Instances?.[0]).toMatchObject({
      InstanceId: first.Instances?.[0]?.InstanceId,
      State: { Name: 'running' },
      ClientToken: 'restore-1',
    });
    const other = { ...input, InstanceType: 't3.small' as const };
    expect(await codeOf(ec2.api.runInstances(other))).toBe('IdempotentParameterMismatch');
    await ec2.api.terminateInstances({ InstanceIds: [first.Instances?.[0]?.InstanceId ?? ''] });
    await ec2.advance(15);
    expect(await codeOf(ec2.api.runInstances(input))).toBe('IdempotentInstanceTerminated');
  });

  it('changes, adds and leaves out the volumes of its image', async () => {
    const source = await runInstance(ec2, {
      BlockDeviceMappings: [
        { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 3, VolumeType: 'gp3', DeleteOnTermination: true } },
      ],
    });
    const { ImageId = '' } = await ec2.api.createImage({ InstanceId: source, Name: 'with-data' });
    await ec2.advance(60);
    const id = await runInstance(ec2, {
      ImageId,
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 12, VolumeType: 'io2', Iops: 500 } },
        { DeviceName: '/dev/sdf', NoDevice: '' },
        { DeviceName: '/dev/sdg', Ebs: { VolumeSize: 2, Encrypted: true } },
      ],
    });
    const { Volumes } = await ec2.api.describeVolumes({
      Filters: [{ Name: 'attachment.instance-id', Values: [id] }],
    });
    expect(Volumes).toMatchObject([
      {
        Size: 12,
        VolumeType: 'io2',
        Iops: 500,
        Attachments: [{ Device: '/dev/xvda', DeleteOnTermination: true }],
      },
      {
        Size: 2,
        VolumeType: 'gp2',
        Encrypted: true,
        Attachments: [{ Device: '/dev/sdg', DeleteOnTermination: false }],
      },
    ]);
  });

  it('goes where its interface says', async () => {
    const { Instances } = await ec2.api.runInstances({
      ImageId: UBUNTU,
      InstanceType: 'm5.large',
      MinCount: 1,
      MaxCount: 1,
      NetworkInterfaces: [
        {
          DeviceIndex: 0,
          SubnetId: SUBNET_B,
          Groups: [DEFAULT_GROUP],
          PrivateIpAddress: '172.31.16.99',
          AssociatePublicIpAddress: false,
          DeleteOnTermination: false,
        },
      ],
    });
    await ec2.advance(16);
    const id = Instances?.[0]?.InstanceId ?? '';
    const seen = await describeOne(id);
    expect(seen).toMatchObject({
      PrivateIpAddress: '172.31.16.99',
      SubnetId: SUBNET_B,
      Placement: { AvailabilityZone: 'us-east-1b' },
      NetworkInterfaces: [{ Attachment: { DeleteOnTermination: false, Status: 'attached' } }],
    });
    expect(seen.PublicIpAddress).toBeUndefined();
    await ec2.api.terminateInstances({ InstanceIds: [id] });
    await ec2.advance(15);
    const { NetworkInterfaces } = await ec2.api.describeNetworkInterfaces({});
    expect(NetworkInterfaces).toMatchObject([{ Status: 'available', PrivateIpAddress: '172.31.16.99' }]);
  });
});

describe('boot and type rules', () => {
  it('boots UEFI only on types that can', async () => {
    const source = await runInstance(ec2);
    await ec2.api.stopInstances({ InstanceIds: [source] });
    await ec2.advance(20);
    const { Volumes } = await ec2.api.describeVolumes({});
    const snapshot = await ec2.api.createSnapshot({ VolumeId: Volumes?.[0]?.VolumeId ?? '' });
    await ec2.advance(60);
    const image = {
      Architecture: 'x86_64' as const,
      VirtualizationType: 'hvm',
      EnaSupport: true,
      RootDeviceName: '/dev/xvda',
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId: snapshot.SnapshotId } }],
    };
    const { ImageId = '' } = await ec2.api.registerImage({ ...image, Name: 'uefi-only', BootMode: 'uefi' });
    await ec2.advance(3);
    const { code, message } = await failure(
      ec2.api.runInstances({ ...LAUNCH, ImageId, InstanceType: 't2.micro' }),
    );
    expect([code, message.split('.')[0]]).toEqual(['InvalidParameterValue', 'The t2']);
    expect(message).toContain('does not support an AMI with a boot mode of UEFI');
    const noEna = await ec2.api.registerImage({ ...image, Name: 'no-ena', EnaSupport: false });
    await ec2.advance(3);
    const onNitro = { ...LAUNCH, ImageId: noEna.ImageId };
    expect(await codeOf(ec2.api.runInstances(onNitro))).toBe('InvalidParameterCombination');
    expect((await ec2.api.runInstances({ ...onNitro, InstanceType: 't2.micro' })).Instances).toHaveLength(1);
  });
});

describe('stop, start, terminate', () => {
  it('stops orderly in twenty seconds, at once in five', async () => {
    const id = await runInstance(ec2);
    expect(await ec2.api.stopInstances({ InstanceIds: [id] })).toEqual({
      StoppingInstances: [
        {
          InstanceId: id,
          PreviousState: { Code: 16, Name: 'running' },
          CurrentState: { Code: 64, Name: 'stopping' },
        },
      ],
    });
    expect(await codeOf(ec2.api.startInstances({ InstanceIds: [id] }))).toBe('IncorrectInstanceState');
    await ec2.advance(19.9);
    expect(await stateOf(ec2, id)).toBe('stopping');
    await ec2.advance(0.1);
    expect(await describeOne(id)).toMatchObject({
      State: { Code: 80, Name: 'stopped' },
      StateReason: { Code: 'Client.UserInitiatedShutdown' },
      StateTransitionReason: 'User initiated (2026-11-22 12:00:16 GMT)',
    });
    await ec2.api.startInstances({ InstanceIds: [id] });
    expect(await codeOf(ec2.api.stopInstances({ InstanceIds: [id] }))).toBe('IncorrectInstanceState');
    await ec2.advance(16);
    await ec2.api.stopInstances({ InstanceIds: [id], Force: true });
    await ec2.advance(5);
    expect(await stateOf(ec2, id)).toBe('stopped');
    expect(statesOf(id)).toEqual([
      'pending',
      'running',
      'stopping',
      'stopped',
      'pending',
      'running',
      'stopping',
      'stopped',
    ]);
  });

  it('lends a public address for the time it runs', async () => {
    const id = await runInstance(ec2);
    expect((await describeOne(id)).PublicIpAddress).toMatch(/^198\.18\./);
    await ec2.api.stopInstances({ InstanceIds: [id] });
    await ec2.advance(20);
    expect((await describeOne(id)).PublicIpAddress).toBeUndefined();
  });

  it('refuses hibernation and what is protected', async () => {
    const id = await runInstance(ec2, { DisableApiTermination: true, DisableApiStop: true });
    expect(await codeOf(ec2.api.stopInstances({ InstanceIds: [id] }))).toBe('OperationNotPermitted');
    expect(await codeOf(ec2.api.terminateInstances({ InstanceIds: [id] }))).toBe('OperationNotPermitted');
    await ec2.api.modifyInstanceAttribute({ InstanceId: id, DisableApiStop: { Value: false } });
    expect(await codeOf(ec2.api.stopInstances({ InstanceIds: [id], Hibernate: true }))).toBe(
      'UnsupportedHibernationConfiguration',
    );
    await ec2.api.modifyInstanceAttribute({ InstanceId: id, DisableApiTermination: { Value: false } });
    await ec2.api.terminateInstances({ InstanceIds: [id] });
  });

  it('ends with the volumes that are to end with it, and stays visible for an hour', async () => {
    const id = await runInstance(ec2);
    const kept = await makeVolume(ec2);
    await ec2.api.attachVolume({ VolumeId: kept, InstanceId: id, Device: '/dev/sdf' });
    await ec2.advance(3);
    const root = (await describeOne(id)).BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? '';
    await ec2.api.terminateInstances({ InstanceIds: [id] });
    expect(await stateOf(ec2, id)).toBe('shutting-down');
    expect(await codeOf(ec2.api.stopInstances({ InstanceIds: [id] }))).toBe('IncorrectInstanceState');
    await ec2.advance(15);
    expect(await stateOf(ec2, id)).toBe('terminated');
    expect((await volumeOf(ec2, kept)).State).toBe('available');
    expect((await volumeOf(ec2, root)).State).toBe('deleting');
    await ec2.advance(5);
    expect(await codeOf(ec2.api.describeVolumes({ VolumeIds: [root] }))).toBe('InvalidVolume.NotFound');
    expect((await ec2.api.terminateInstances({ InstanceIds: [id] })).TerminatingInstances).toMatchObject([
      { PreviousState: { Name: 'terminated' }, CurrentState: { Name: 'terminated' } },
    ]);
    expect(await codeOf(ec2.api.startInstances({ InstanceIds: [id] }))).toBe('IncorrectInstanceState');
    await ec2.advance(3_594);
    expect(await stateOf(ec2, id)).toBe('terminated');
    await ec2.advance(1);
    expect(await codeOf(ec2.api.describeInstances({ InstanceIds: [id] }))).toBe('InvalidInstanceID.NotFound');
  });

  it('can be terminated while it is pending', async () => {
    const { Instances } = await ec2.api.runInstances(LAUNCH);
    const id = Instances?.[0]?.InstanceId ?? '';
    await ec2.api.terminateInstances({ InstanceIds: [id] });
    await ec2.advance(100);
    expect(await stateOf(ec2, id)).toBe('terminated');
    expect(statesOf(id)).toEqual(['pending', 'shutting-down', 'terminated']);
    expect((await ec2.api.describeVolumes({})).Volumes).toEqual([]);
  });
});

describe('status checks', () => {
  const checks = async (id: string) => {
    const { InstanceStatuses } = await ec2.api.describeInstanceStatus({ InstanceIds: [id] });
    return [InstanceStatuses?.[0]?.InstanceStatus?.Status, InstanceStatuses?.[0]?.SystemStatus?.Status];
  };

  it('initialize for ninety seconds, then are ok', async () => {
    const id = await runInstance(ec2);
    await ec2.advance(89.9);
    expect(await checks(id)).toEqual(['initializing', 'initializing']);
    await ec2.advance(0.1);
    expect(await checks(id)).toEqual(['ok', 'ok']);
  });

  it('are impaired where the root volume holds nothing to boot from', async () => {
    const id = await runInstance(ec2);
    await ec2.api.stopInstances({ InstanceIds: [id] });
    await ec2.advance(20);
    const root = (await describeOne(id)).BlockDeviceMappings?.[0]?.Ebs?.VolumeId ?? '';
    await ec2.api.detachVolume({ VolumeId: root });
    await ec2.advance(5);
    const empty = await makeVolume(ec2);
    await ec2.api.attachVolume({ VolumeId: empty, InstanceId: id, Device: '/dev/xvda' });
    await ec2.advance(3);
    await ec2.api.startInstances({ InstanceIds: [id] });
    await ec2.advance(16 + 90);
    expect(await stateOf(ec2, id)).toBe('running');
    expect(await checks(id)).toEqual(['impaired', 'ok']);
  });

  it('leave out what does not run unless asked', async () => {
    const { Instances } = await ec2.api.runInstances(LAUNCH);
    const id = Instances?.[0]?.InstanceId ?? '';
    expect((await ec2.api.describeInstanceStatus({})).InstanceStatuses).toEqual([]);
    const all = await ec2.api.describeInstanceStatus({ IncludeAllInstances: true });
    expect(all.InstanceStatuses).toMatchObject([
      { InstanceId: id, InstanceState: { Name: 'pending' }, InstanceStatus: { Status: 'not-applicable' } },
    ]);
  });
});

describe('attributes', () => {
  it('changes some at any time and some only while stopped', async () => {
    const id = await runInstance(ec2);
    const modify = (input: object) => ec2.api.modifyInstanceAttribute({ InstanceId: id, ...input });
    expect(await codeOf(modify({ InstanceType: { Value: 't3.small' } }))).toBe('IncorrectInstanceState');
    expect(await codeOf(modify({ UserData: { Value: Buffer.from('x') } }))).toBe('IncorrectInstanceState');
    expect(await codeOf(modify({}))).toBe('InvalidParameterCombination');
    await modify({ SourceDestCheck: { Value: false } });
    await modify({ InstanceInitiatedShutdownBehavior: { Value: 'terminate' } });
    await modify({ BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { DeleteOnTermination: false } }] });
    const sda = { BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { DeleteOnTermination: false } }] };
    expect(await codeOf(modify(sda))).toBe('InvalidInstanceAttributeValue');
    const { GroupId = '' } = await ec2.api.createSecurityGroup({ GroupName: 'web', Description: 'web' });
    await modify({ Groups: [GroupId] });
    await ec2.api.stopInstances({ InstanceIds: [id] });
    await ec2.advance(20);
    await modify({ InstanceType: { Value: 't3.small' } });
    expect(await codeOf(modify({ InstanceType: { Value: 'm7g.large' } }))).toBe('InvalidParameterValue');
    await modify({ EbsOptimized: { Value: true } });
    await modify({ Attribute: 'enaSupport', Value: 'true' });
    expect(await describeOne(id)).toMatchObject({
      InstanceType: 't3.small',
      SourceDestCheck: false,
      EbsOptimized: true,
      SecurityGroups: [{ GroupId, GroupName: 'web' }],
      BlockDeviceMappings: [{ Ebs: { DeleteOnTermination: false } }],
    });
    expect(await codeOf(ec2.api.deleteSecurityGroup({ GroupId }))).toBe('DependencyViolation');
  });

  it('sets metadata options and the instance profile', async () => {
    const id = await runInstance(ec2);
    await ec2.api.modifyInstanceMetadataOptions({ InstanceId: id, HttpTokens: 'optional' });
    expect((await describeOne(id)).MetadataOptions).toMatchObject({
      State: 'applied',
      HttpTokens: 'optional',
      HttpPutResponseHopLimit: 2,
    });
    const profile = { InstanceId: id, IamInstanceProfile: { Name: 'web' } };
    const { IamInstanceProfileAssociation } = await ec2.api.associateIamInstanceProfile(profile);
    expect(await codeOf(ec2.api.associateIamInstanceProfile(profile))).toBe('IncorrectState');
    const { IamInstanceProfileAssociations } = await ec2.api.describeIamInstanceProfileAssociations({
      Filters: [{ Name: 'instance-id', Values: [id] }],
    });
    expect(IamInstanceProfileAssociations).toMatchObject([{ State: 'associated', InstanceId: id }]);
    const AssociationId = IamInstanceProfileAssociation?.AssociationId ?? '';
    await ec2.api.disassociateIamInstanceProfile({ AssociationId });
    expect((await describeOne(id)).IamInstanceProfile).toBeUndefined();
  });

  it('has a console that says that nothing boots, and no screenshot', async () => {
    const id = await runInstance(ec2);
    const { Output = '' } = await ec2.api.getConsoleOutput({ InstanceId: id });
    expect(Buffer.from(Output, 'base64').toString()).toContain('Nothing boots in the local region');
    expect(await codeOf(ec2.api.getConsoleScreenshot({ InstanceId: id }))).toBe('UnsupportedOperation');
  });
});

describe('instances that go wrong when asked to', () => {
  it('ends terminated with the reason that was asked for', async () => {
    const effects = {
      endState: 'terminated',
      message: 'Server.InsufficientInstanceCapacity: There is not enough capacity.',
    };
    const { Instances } = await ec2.spoiled(effects).runInstances(LAUNCH);
    const id = Instances?.[0]?.InstanceId ?? '';
    await ec2.advance(16);
    expect(await describeOne(id)).toMatchObject({
      State: { Name: 'terminated' },
      StateReason: {
        Code: 'Server.InsufficientInstanceCapacity',
        Message: 'Server.InsufficientInstanceCapacity: There is not enough capacity.',
      },
    });
  });

  it('falls back to stopped on start', async () => {
    const id = await runInstance(ec2);
    await ec2.api.stopInstances({ InstanceIds: [id] });
    await ec2.advance(20);
    await ec2.spoiled({ endState: 'stopped' }).startInstances({ InstanceIds: [id] });
    await ec2.advance(16);
    expect(await describeOne(id)).toMatchObject({
      State: { Name: 'stopped' },
      StateReason: { Code: 'Client.InternalError', Message: 'Client.InternalError: Client error on launch' },
    });
  });

  it('hangs in pending', async () => {
    const { Instances } = await ec2.spoiled({ stuck: true }).runInstances(LAUNCH);
    await ec2.advance(100_000);
    expect(await stateOf(ec2, Instances?.[0]?.InstanceId ?? '')).toBe('pending');
  });
});
