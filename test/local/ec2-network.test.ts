import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  codeOf,
  DEFAULT_GROUP,
  DEFAULT_VPC,
  failure,
  makeVolume,
  openTestEc2,
  runInstance,
  SUBNET_A,
  type TestEc2,
} from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

it('has a default VPC with a subnet in each zone', async () => {
  const { Subnets } = await ec2.api.describeSubnets({
    Filters: [{ Name: 'default-for-az', Values: ['true'] }],
  });
  expect(
    Subnets?.map(({ SubnetId, AvailabilityZone, AvailabilityZoneId, CidrBlock, VpcId }) => [
      SubnetId,
      AvailabilityZone,
      AvailabilityZoneId,
      CidrBlock,
      VpcId,
    ]),
  ).toEqual([
    ['subnet-0a11d0000000000a1', 'us-east-1a', 'use1-az1', '172.31.0.0/20', DEFAULT_VPC],
    ['subnet-0a11d0000000000b2', 'us-east-1b', 'use1-az2', '172.31.16.0/20', DEFAULT_VPC],
    ['subnet-0a11d0000000000c3', 'us-east-1c', 'use1-az3', '172.31.32.0/20', DEFAULT_VPC],
  ]);
  const { Vpcs } = await ec2.api.describeVpcs({});
  expect(Vpcs).toMatchObject([{ VpcId: DEFAULT_VPC, CidrBlock: '172.31.0.0/16', IsDefault: true }]);
  const { AvailabilityZones } = await ec2.api.describeAvailabilityZones({});
  expect(AvailabilityZones?.map((zone) => zone.ZoneName)).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
  const { Regions } = await ec2.api.describeRegions({});
  expect(Regions?.map((region) => region.RegionName)).toEqual(['us-east-1']);
  const { RouteTables } = await ec2.api.describeRouteTables({
    Filters: [{ Name: 'vpc-id', Values: [DEFAULT_VPC] }],
  });
  expect(RouteTables).toHaveLength(1);
  const lists = { Filters: [{ Name: 'prefix-list-name', Values: ['com.amazonaws.us-east-1.s3'] }] };
  expect((await ec2.api.describeManagedPrefixLists(lists)).PrefixLists).toHaveLength(1);
});

describe('the way to S3', () => {
  const S3 = 'com.amazonaws.us-east-1.s3';
  const LIST = 'pl-63a5400a';
  const endpointsOf = async (vpcId: string) =>
    (
      await ec2.api.describeVpcEndpoints({
        Filters: [
          { Name: 'vpc-id', Values: [vpcId] },
          { Name: 'service-name', Values: [S3] },
          { Name: 'vpc-endpoint-type', Values: ['Gateway'] },
        ],
      })
    ).VpcEndpoints ?? [];
  const mainTableOf = async (vpcId: string) => {
    const { RouteTables = [] } = await ec2.api.describeRouteTables({
      Filters: [
        { Name: 'vpc-id', Values: [vpcId] },
        { Name: 'association.main', Values: ['true'] },
      ],
    });
    expect(RouteTables).toHaveLength(1);
    return RouteTables[0] ?? {};
  };

  it('is there in the default VPC: an endpoint, and a route to the prefix list in the main table', async () => {
    const [endpoint] = await endpointsOf(DEFAULT_VPC);
    const table = await mainTableOf(DEFAULT_VPC);
    expect(endpoint).toMatchObject({
      VpcEndpointId: 'vpce-0a11d0000000000a1',
      VpcEndpointType: 'Gateway',
      State: 'available',
      RouteTableIds: [table.RouteTableId],
    });
    expect(table.Routes).toEqual([
      {
        DestinationCidrBlock: '172.31.0.0/16',
        GatewayId: 'local',
        Origin: 'CreateRouteTable',
        State: 'active',
      },
      {
        DestinationPrefixListId: LIST,
        GatewayId: 'vpce-0a11d0000000000a1',
        Origin: 'CreateRoute',
        State: 'active',
      },
    ]);
    const { PrefixLists } = await ec2.api.describePrefixLists({
      Filters: [{ Name: 'prefix-list-name', Values: [S3] }],
    });
    expect(PrefixLists).toMatchObject([{ PrefixListId: LIST, PrefixListName: S3 }]);
    // No subnet has a table of its own.
    const own = { Filters: [{ Name: 'association.subnet-id', Values: [SUBNET_A] }] };
    expect((await ec2.api.describeRouteTables(own)).RouteTables).toEqual([]);
  });

  it('can be made for another VPC, once, and taken away', async () => {
    const VpcId = (await ec2.api.createVpc({ CidrBlock: '10.0.0.0/16' })).Vpc?.VpcId ?? '';
    const { RouteTableId: id = '' } = await mainTableOf(VpcId);
    expect(await endpointsOf(VpcId)).toEqual([]);
    const input = { VpcId, ServiceName: S3, RouteTableIds: [id] };
    const { VpcEndpoint } = await ec2.api.createVpcEndpoint({
      ...input,
      TagSpecifications: [{ ResourceType: 'vpc-endpoint', Tags: [{ Key: 'Name', Value: 's3' }] }],
    });
    const endpointId = VpcEndpoint?.VpcEndpointId ?? '';
    expect(VpcEndpoint).toMatchObject({ State: 'available', Tags: [{ Key: 'Name', Value: 's3' }] });
    expect((await mainTableOf(VpcId)).Routes?.[1]).toMatchObject({
      DestinationPrefixListId: LIST,
      GatewayId: endpointId,
    });
    expect(await codeOf(ec2.api.createVpcEndpoint(input))).toBe('RouteAlreadyExists');
    expect(await codeOf(ec2.api.deleteVpc({ VpcId }))).toBe('DependencyViolation');
    expect(
      await ec2.api.deleteVpcEndpoints({ VpcEndpointIds: [endpointId, 'vpce-0123456789abcdef0'] }),
    ).toEqual({
      Unsuccessful: [
        {
          ResourceId: 'vpce-0123456789abcdef0',
          Error: {
            Code: 'InvalidVpcEndpointId.NotFound',
            Message: "The Vpc Endpoint Id 'vpce-0123456789abcdef0' does not exist",
          },
        },
      ],
    });
    expect((await mainTableOf(VpcId)).Routes).toHaveLength(1);
    await ec2.api.deleteVpc({ VpcId });
    expect(await codeOf(ec2.api.describeRouteTables({ RouteTableIds: [id] }))).toBe(
      'InvalidRouteTableID.NotFound',
    );
  });

  it('is a gateway endpoint of S3, with route tables of its own VPC', async () => {
    const VpcId = (await ec2.api.createVpc({ CidrBlock: '10.0.0.0/16' })).Vpc?.VpcId ?? '';
    const { RouteTableId: foreign = '' } = await mainTableOf(DEFAULT_VPC);
    const create = (more: object) => codeOf(ec2.api.createVpcEndpoint({ VpcId, ServiceName: S3, ...more }));
    expect(await create({ RouteTableIds: [foreign] })).toBe('InvalidParameter');
    expect(await create({ RouteTableIds: ['rtb-0123456789abcdef0'] })).toBe('InvalidRouteTableID.NotFound');
    expect(await create({ ServiceName: 'com.amazonaws.us-east-1.sqs' })).toBe('InvalidServiceName');
    expect(await create({ VpcEndpointType: 'Interface' })).toBe('UnsupportedOperation');
  });
});

describe('subnets of one’s own', () => {
  it('must lie in their VPC and not overlap', async () => {
    const { Vpc } = await ec2.api.createVpc({ CidrBlock: '10.0.0.0/16' });
    const VpcId = Vpc?.VpcId ?? '';
    const create = (CidrBlock: string) => ec2.api.createSubnet({ VpcId, CidrBlock });
    const { Subnet } = await create('10.0.0.0/28');
    expect(Subnet).toMatchObject({ AvailableIpAddressCount: 11, MapPublicIpOnLaunch: false });
    expect(await codeOf(create('10.0.0.0/24'))).toBe('InvalidSubnet.Conflict');
    expect(await codeOf(create('10.1.0.0/24'))).toBe('InvalidSubnet.Range');
    expect(await codeOf(create('10.0.0.1/24'))).toBe('InvalidParameterValue');
    expect(await codeOf(ec2.api.deleteVpc({ VpcId }))).toBe('DependencyViolation');
    const launch = { SubnetId: Subnet?.SubnetId ?? '' };
    await runInstance(ec2, { ...launch, MaxCount: 11 });
    expect(await codeOf(runInstance(ec2, launch))).toBe('InsufficientFreeAddressesInSubnet');
    expect(await codeOf(ec2.api.deleteSubnet(launch))).toBe('DependencyViolation');
  });
});

describe('security groups', () => {
  const create = async (GroupName: string): Promise<string> => {
    const { GroupId = '' } = await ec2.api.createSecurityGroup({ GroupName, Description: 'for a test' });
    return GroupId;
  };
  const groupOf = async (id: string) => {
    const { SecurityGroups } = await ec2.api.describeSecurityGroups({ GroupIds: [id] });
    return SecurityGroups?.[0] ?? {};
  };
  const EVERYWHERE = {
    IpProtocol: '-1',
    IpRanges: [{ CidrIp: '0.0.0.0/0' }],
    Ipv6Ranges: [],
    PrefixListIds: [],
    UserIdGroupPairs: [],
  };

  it('let out to the prefix list of S3 alone, when told so', async () => {
    const GroupId = await create('s3-only');
    await ec2.api.revokeSecurityGroupEgress({ GroupId, IpPermissions: [EVERYWHERE] });
    const toS3 = {
      IpProtocol: 'tcp',
      FromPort: 443,
      ToPort: 443,
      PrefixListIds: [{ PrefixListId: 'pl-63a5400a', Description: 'S3' }],
    };
    const { SecurityGroupRules } = await ec2.api.authorizeSecurityGroupEgress({
      GroupId,
      IpPermissions: [toS3],
    });
    expect(SecurityGroupRules).toMatchObject([
      { IsEgress: true, PrefixListId: 'pl-63a5400a', FromPort: 443 },
    ]);
    expect((await groupOf(GroupId)).IpPermissionsEgress).toEqual([
      { ...toS3, IpRanges: [], Ipv6Ranges: [], UserIdGroupPairs: [] },
    ]);
    const again = { GroupId, IpPermissions: [toS3] };
    expect(await codeOf(ec2.api.authorizeSecurityGroupEgress(again))).toBe('InvalidPermission.Duplicate');
    const unknown = { ...toS3, PrefixListIds: [{ PrefixListId: 'pl-00000000' }] };
    expect(await codeOf(ec2.api.authorizeSecurityGroupEgress({ GroupId, IpPermissions: [unknown] }))).toBe(
      'InvalidPrefixListId.NotFound',
    );
    await ec2.api.revokeSecurityGroupEgress(again);
    expect((await groupOf(GroupId)).IpPermissionsEgress).toEqual([]);
    expect(await codeOf(ec2.api.revokeSecurityGroupEgress(again))).toBe('InvalidPermission.NotFound');
  });

  it('let everything out at first, which can be taken away as it was described', async () => {
    const id = await create('isolated');
    const group = await groupOf(id);
    expect(group).toMatchObject({ GroupName: 'isolated', VpcId: DEFAULT_VPC, IpPermissions: [] });
    expect(group.IpPermissionsEgress).toEqual([EVERYWHERE]);
    const egress = { GroupId: id, IpPermissions: group.IpPermissionsEgress ?? [] };
    await ec2.api.revokeSecurityGroupEgress(egress);
    expect((await groupOf(id)).IpPermissionsEgress).toEqual([]);
    expect(await codeOf(ec2.api.revokeSecurityGroupEgress(egress))).toBe('InvalidPermission.NotFound');
  });

  it('take rules and refuse the same one twice', async () => {
    const id = await create('web');
    const rule = {
      GroupId: id,
      IpPermissions: [
        {
          IpProtocol: 'tcp',
          FromPort: 443,
          ToPort: 443,
          IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'vpn' }],
        },
      ],
    };
    const { SecurityGroupRules } = await ec2.api.authorizeSecurityGroupIngress(rule);
    expect(SecurityGroupRules).toMatchObject([
      { GroupId: id, IsEgress: false, IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIpv4: '10.0.0.0/8' },
    ]);
    expect(await codeOf(ec2.api.authorizeSecurityGroupIngress(rule))).toBe('InvalidPermission.Duplicate');
    await ec2.api.authorizeSecurityGroupIngress({
      GroupId: id,
      IpPermissions: [{ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: id }] }],
    });
    expect((await groupOf(id)).IpPermissions).toMatchObject([
      { FromPort: 443, IpRanges: [{ CidrIp: '10.0.0.0/8', Description: 'vpn' }] },
      { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: id, UserId: '123456789012' }] },
    ]);
    const bad = { GroupId: id, IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIp: '10.0.0.1/8' };
    expect(await codeOf(ec2.api.authorizeSecurityGroupIngress(bad))).toBe('InvalidParameterValue');
    const ids = SecurityGroupRules?.map((each) => each.SecurityGroupRuleId ?? '') ?? [];
    await ec2.api.revokeSecurityGroupIngress({ GroupId: id, SecurityGroupRuleIds: ids });
    const left = await ec2.api.describeSecurityGroupRules({ Filters: [{ Name: 'group-id', Values: [id] }] });
    expect(left.SecurityGroupRules).toHaveLength(2);
  });

  it('have unique names, and go only when nothing uses them', async () => {
    const id = await create('once');
    expect(await codeOf(create('once'))).toBe('InvalidGroup.Duplicate');
    expect(await codeOf(create('sg-not'))).toBe('InvalidParameterValue');
    expect(await codeOf(ec2.api.deleteSecurityGroup({ GroupId: DEFAULT_GROUP }))).toBe('CannotDelete');
    const instance = await runInstance(ec2, { SecurityGroupIds: [id] });
    expect(await failure(ec2.api.deleteSecurityGroup({ GroupId: id }))).toEqual({
      code: 'DependencyViolation',
      message: `resource ${id} has a dependent object`,
    });
    await ec2.api.terminateInstances({ InstanceIds: [instance] });
    await ec2.advance(15);
    await ec2.api.deleteSecurityGroup({ GroupId: id });
    expect(await codeOf(ec2.api.describeSecurityGroups({ GroupIds: [id] }))).toBe('InvalidGroup.NotFound');
  });
});

describe('network interfaces', () => {
  it('change groups and their end with the instance', async () => {
    const instance = await runInstance(ec2);
    const filters = [{ Name: 'attachment.instance-id', Values: [instance] }];
    const first = (await ec2.api.describeNetworkInterfaces({ Filters: filters })).NetworkInterfaces?.[0];
    const NetworkInterfaceId = first?.NetworkInterfaceId ?? '';
    const { GroupId = '' } = await ec2.api.createSecurityGroup({ GroupName: 'other', Description: 'x' });
    await ec2.api.modifyNetworkInterfaceAttribute({ NetworkInterfaceId, Groups: [GroupId] });
    await ec2.api.modifyNetworkInterfaceAttribute({
      NetworkInterfaceId,
      Attachment: { AttachmentId: first?.Attachment?.AttachmentId ?? '', DeleteOnTermination: false },
    });
    expect(await codeOf(ec2.api.deleteNetworkInterface({ NetworkInterfaceId }))).toBe(
      'InvalidParameterValue',
    );
    await ec2.api.terminateInstances({ InstanceIds: [instance] });
    await ec2.advance(15);
    const after = await ec2.api.describeNetworkInterfaces({ NetworkInterfaceIds: [NetworkInterfaceId] });
    expect(after.NetworkInterfaces).toMatchObject([{ Status: 'available', Groups: [{ GroupId }] }]);
    await ec2.api.deleteNetworkInterface({ NetworkInterfaceId });
  });

  it('can be made first and launched with', async () => {
    const { NetworkInterface } = await ec2.api.createNetworkInterface({
      SubnetId: SUBNET_A,
      PrivateIpAddress: '172.31.9.9',
    });
    const NetworkInterfaceId = NetworkInterface?.NetworkInterfaceId ?? '';
    const launch = {
      ImageId: 'ami-0a11d00000a12023a',
      InstanceType: 't3.micro' as const,
      MinCount: 1,
      MaxCount: 1,
      NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId }],
    };
    const { Instances } = await ec2.api.runInstances(launch);
    expect(Instances).toMatchObject([{ PrivateIpAddress: '172.31.9.9' }]);
    expect(await codeOf(ec2.api.runInstances(launch))).toBe('InvalidParameterValue');
  });
});

describe('elastic addresses', () => {
  it('stand on the interface, told with less of it for the instance', async () => {
    const instance = await runInstance(ec2);
    await ec2.advance(16);
    const allocated = await ec2.api.allocateAddress({ Domain: 'vpc' });
    const { AllocationId = '', PublicIp = '' } = allocated;
    expect(allocated).toMatchObject({
      Domain: 'vpc',
      PublicIpv4Pool: 'amazon',
      NetworkBorderGroup: 'us-east-1',
    });
    expect((await ec2.api.describeAddresses({})).Addresses?.[0]).toMatchObject({
      AllocationId,
      PublicIp,
      Domain: 'vpc',
      PublicIpv4Pool: 'amazon',
      NetworkBorderGroup: 'us-east-1',
    });
    const { AssociationId } = await ec2.api.associateAddress({ AllocationId, InstanceId: instance });
    const ofInstance = {
      IpOwnerId: '123456789012',
      PublicIp,
      PublicDnsName: `ec2-${PublicIp.replaceAll('.', '-')}.compute-1.amazonaws.com`,
    };
    const ofInterface = { ...ofInstance, AllocationId, AssociationId };
    const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [instance] });
    const told = Reservations?.[0]?.Instances?.[0]?.NetworkInterfaces?.[0];
    const { NetworkInterfaces } = await ec2.api.describeNetworkInterfaces({});
    const described = NetworkInterfaces?.find((each) => each.Attachment?.InstanceId === instance);
    expect(told?.Association).toEqual(ofInstance);
    expect(told?.PrivateIpAddresses?.[0]?.Association).toEqual(ofInstance);
    expect(described?.Association).toEqual(ofInterface);
    expect(described?.PrivateIpAddresses?.[0]?.Association).toEqual(ofInterface);
    expect(told?.Attachment).toMatchObject({ DeviceIndex: 0, NetworkCardIndex: 0, Status: 'attached' });
    expect(described?.Attachment).toEqual({
      ...told?.Attachment,
      InstanceId: instance,
      InstanceOwnerId: '123456789012',
    });
    expect(described).toMatchObject({ AvailabilityZone: 'us-east-1a', Status: 'in-use' });
    expect(told).toMatchObject({
      NetworkInterfaceId: described?.NetworkInterfaceId,
      MacAddress: described?.MacAddress,
      Status: 'in-use',
    });
  });

  it('move between instances and stay when one stops', async () => {
    const instance = await runInstance(ec2);
    const { AllocationId = '', PublicIp } = await ec2.api.allocateAddress({ Domain: 'vpc' });
    await ec2.api.associateAddress({ AllocationId, InstanceId: instance });
    await ec2.api.stopInstances({ InstanceIds: [instance] });
    await ec2.advance(20);
    const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [instance] });
    expect(Reservations?.[0]?.Instances?.[0]?.PublicIpAddress).toBe(PublicIp);
    expect(await codeOf(ec2.api.releaseAddress({ AllocationId }))).toBe('InvalidIPAddress.InUse');
    await ec2.api.terminateInstances({ InstanceIds: [instance] });
    await ec2.advance(15);
    const { Addresses } = await ec2.api.describeAddresses({});
    expect(Addresses?.[0]?.InstanceId).toBeUndefined();
    await ec2.api.releaseAddress({ AllocationId });
    expect((await ec2.api.describeAddresses({})).Addresses).toEqual([]);
  });
});

describe('key pairs', () => {
  it('are made once, imported, described and deleted', async () => {
    const made = await ec2.api.createKeyPair({ KeyName: 'mine', KeyType: 'ed25519' });
    expect(made.KeyMaterial).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(await codeOf(ec2.api.createKeyPair({ KeyName: 'mine' }))).toBe('InvalidKeyPair.Duplicate');
    const { KeyPairs } = await ec2.api.describeKeyPairs({ KeyNames: ['mine'], IncludePublicKey: true });
    expect(KeyPairs?.[0]?.PublicKey).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[\w+/]+=* mine$/);
    const material = Buffer.from(KeyPairs?.[0]?.PublicKey ?? '');
    const imported = await ec2.api.importKeyPair({ KeyName: 'theirs', PublicKeyMaterial: material });
    expect(imported.KeyFingerprint).toBe(made.KeyFingerprint);
    const rubbish = { KeyName: 'rubbish', PublicKeyMaterial: Buffer.from('rubbish') };
    expect(await codeOf(ec2.api.importKeyPair(rubbish))).toBe('InvalidKey.Format');
    await ec2.api.deleteKeyPair({ KeyName: 'mine' });
    expect(await codeOf(ec2.api.describeKeyPairs({ KeyNames: ['mine'] }))).toBe('InvalidKeyPair.NotFound');
    await runInstance(ec2, { KeyName: 'theirs' });
  });
});

describe('tags', () => {
  it('can be set and taken away on everything', async () => {
    const volume = await makeVolume(ec2);
    const instance = await runInstance(ec2);
    const Resources = [volume, instance, SUBNET_A, DEFAULT_GROUP];
    await ec2.api.createTags({
      Resources,
      Tags: [
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: '' },
      ],
    });
    await ec2.api.createTags({ Resources: [volume], Tags: [{ Key: 'a', Value: '2' }] });
    await ec2.api.deleteTags({
      Resources: [instance],
      Tags: [{ Key: 'a', Value: 'not this' }, { Key: 'b' }],
    });
    const { Tags } = await ec2.api.describeTags({
      Filters: [{ Name: 'resource-id', Values: [volume, instance] }],
    });
    expect(Tags).toEqual([
      { Key: 'a', Value: '2', ResourceId: volume, ResourceType: 'volume' },
      { Key: 'b', Value: '', ResourceId: volume, ResourceType: 'volume' },
      { Key: 'a', Value: '1', ResourceId: instance, ResourceType: 'instance' },
    ]);
    const missing = { Resources: [volume, 'vol-00000000000000000'], Tags: [{ Key: 'c', Value: '' }] };
    expect(await codeOf(ec2.api.createTags(missing))).toBe('InvalidVolume.NotFound');
    const reserved = { Resources: [volume], Tags: [{ Key: 'aws:x', Value: '' }] };
    expect(await codeOf(ec2.api.createTags(reserved))).toBe('InvalidParameterValue');
    const many = Array.from({ length: 49 }, (_, i) => ({ Key: `k${i}`, Value: '' }));
    expect(await codeOf(ec2.api.createTags({ Resources: [volume], Tags: many }))).toBe('TagLimitExceeded');
  });
});

describe('instance types', () => {
  it('tell architecture, boot modes and room for volumes', async () => {
    const { InstanceTypes } = await ec2.api.describeInstanceTypes({
      InstanceTypes: ['t3.micro', 'm7g.large', 't2.micro'],
    });
    const seen = InstanceTypes?.map((type) => [
      type.InstanceType,
      type.ProcessorInfo?.SupportedArchitectures,
      type.SupportedBootModes,
      type.VCpuInfo?.DefaultVCpus,
      type.EbsInfo?.AttachmentLimitType,
    ]);
    expect(seen).toEqual([
      ['t2.micro', ['i386', 'x86_64'], ['legacy-bios'], 1, 'shared'],
      ['t3.micro', ['x86_64'], ['legacy-bios', 'uefi'], 2, 'shared'],
      ['m7g.large', ['arm64'], ['uefi'], 2, 'shared'],
    ]);
    expect(await codeOf(ec2.api.describeInstanceTypes({ InstanceTypes: ['q1.tiny' as 't3.micro'] }))).toBe(
      'InvalidInstanceType',
    );
    const { InstanceTypeOfferings } = await ec2.api.describeInstanceTypeOfferings({
      LocationType: 'availability-zone',
      Filters: [{ Name: 'instance-type', Values: ['t3.micro'] }],
    });
    expect(InstanceTypeOfferings?.map((each) => each.Location)).toEqual([
      'us-east-1a',
      'us-east-1b',
      'us-east-1c',
    ]);
    let pages = 0;
    let count = 0;
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = await ec2.api.describeInstanceTypes({
        MaxResults: 100,
        ...(token ? { NextToken: token } : {}),
      });
      pages += 1;
      count += page.InstanceTypes?.length ?? 0;
      token = page.NextToken;
    }
    expect([pages > 1, count > 100]).toEqual([true, true]);
  });
});
