import type { Route } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { newestStandardImage } from '../../lambdas/restore/plan/helper-image.ts';
import { letsOutToS3 } from '../../lambdas/restore/plan/helper-network.ts';
import { wayToS3 } from '../../lambdas/restore/plan/helper-route.ts';
import { throughputOf } from '../../lambdas/restore/plan/volume-throughput.ts';

const S3 = 'pl-63a5400a';

describe('the throughput of a volume', () => {
  it.each([
    // MiB/s at its best, and for long
    [{ volumeType: 'gp3', volumeGiB: 8 }, 125, 125],
    [{ volumeType: 'gp3', volumeGiB: 65_536, throughput: 2_000, iops: 8_000 }, 2_000, 2_000],
    [{ volumeType: 'gp2', volumeGiB: 8 }, 128, 25],
    [{ volumeType: 'gp2', volumeGiB: 100 }, 128, 75],
    [{ volumeType: 'gp2', volumeGiB: 200 }, 250, 150],
    [{ volumeType: 'gp2', volumeGiB: 1_000 }, 250, 250],
    [{ volumeType: 'io1', volumeGiB: 100, iops: 1_000 }, 250, 250],
    [{ volumeType: 'io1', volumeGiB: 1_000, iops: 32_000 }, 500, 500],
    [{ volumeType: 'io1', volumeGiB: 1_280, iops: 48_000 }, 750, 750],
    [{ volumeType: 'io2', volumeGiB: 100, iops: 1_000 }, 256, 256],
    [{ volumeType: 'io2', volumeGiB: 100, iops: 64_000 }, 4_000, 4_000],
    [{ volumeType: 'st1', volumeGiB: 1_024 }, 250, 40],
    [{ volumeType: 'st1', volumeGiB: 16_384 }, 500, 500],
    [{ volumeType: 'sc1', volumeGiB: 1_024 }, 80, 12],
    [{ volumeType: 'sc1', volumeGiB: 16_384 }, 250, 192],
    [{ volumeType: 'standard', volumeGiB: 100 }, 90, 40],
  ] as const)('%j is %d, for long %d', (volume, peakMiBps, sustainedMiBps) => {
    expect(throughputOf(volume)).toEqual({ peakMiBps, sustainedMiBps });
  });
});

describe('the way to S3', () => {
  const local: Route = { DestinationCidrBlock: '10.0.0.0/16', GatewayId: 'local', State: 'active' };
  const endpoint: Route = { DestinationPrefixListId: S3, GatewayId: 'vpce-1', State: 'active' };
  const byDefault = (target: Route): Route => ({
    DestinationCidrBlock: '0.0.0.0/0',
    State: 'active',
    ...target,
  });
  const internet = byDefault({ GatewayId: 'igw-1' });

  it.each<[string, Route[], unknown]>([
    ['nothing', [], { kind: 'none' }],
    ['the VPC only', [local], { kind: 'none' }],
    ['a gateway endpoint', [local, endpoint], { kind: 'endpoint', endpoint: 'vpce-1' }],
    ['an endpoint beside the internet', [internet, endpoint], { kind: 'endpoint', endpoint: 'vpce-1' }],
    ['an endpoint that is gone', [local, { ...endpoint, State: 'blackhole' }], { kind: 'none' }],
    [
      'the endpoint of another service',
      [local, { ...endpoint, DestinationPrefixListId: 'pl-02cd2c6b' }],
      { kind: 'none' },
    ],
    ['an internet gateway only', [local, internet], { kind: 'none', internetGateway: 'igw-1' }],
    ['NAT', [byDefault({ NatGatewayId: 'nat-1' })], { kind: 'other', target: 'nat-1' }],
    ['NAT that is gone', [byDefault({ NatGatewayId: 'nat-1', State: 'blackhole' })], { kind: 'none' }],
    ['a transit gateway', [byDefault({ TransitGatewayId: 'tgw-1' })], { kind: 'other', target: 'tgw-1' }],
    ['a firewall', [byDefault({ GatewayId: 'vpce-fw' })], { kind: 'other', target: 'vpce-fw' }],
    ['an appliance', [byDefault({ NetworkInterfaceId: 'eni-1' })], { kind: 'other', target: 'eni-1' }],
    [
      'S3 by NAT, the rest by the internet',
      [internet, { DestinationPrefixListId: S3, NatGatewayId: 'nat-1', State: 'active' }],
      { kind: 'other', target: 'nat-1' },
    ],
    ['a peering', [byDefault({ VpcPeeringConnectionId: 'pcx-1' })], { kind: 'none' }],
  ])('%s', (_, routes, way) => {
    expect(wayToS3(routes, S3)).toEqual(way);
  });
});

describe('a security group', () => {
  const everywhere = { IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
  const toS3 = { PrefixListIds: [{ PrefixListId: S3 }] };

  it.each([
    [true, [{ IpProtocol: '-1', ...everywhere }]],
    [true, [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, ...toS3 }]],
    [true, [{ IpProtocol: 'tcp', FromPort: 0, ToPort: 65_535, ...everywhere }]],
    [
      true,
      [
        { IpProtocol: 'udp', FromPort: 53, ToPort: 53 },
        { IpProtocol: '-1', ...toS3 },
      ],
    ],
    [false, []],
    [false, [{ IpProtocol: 'tcp', FromPort: 80, ToPort: 80, ...everywhere }]],
    [false, [{ IpProtocol: 'udp', FromPort: 443, ToPort: 443, ...everywhere }]],
    [false, [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: '10.0.0.0/8' }] }]],
    [
      false,
      [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, PrefixListIds: [{ PrefixListId: 'pl-other' }] }],
    ],
    [false, [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, UserIdGroupPairs: [{ GroupId: 'sg-1' }] }]],
  ])('lets out to S3: %s for %j', (lets, IpPermissionsEgress) => {
    expect(letsOutToS3({ IpPermissionsEgress }, S3)).toBe(lets);
  });
});

describe('the helper’s image', () => {
  const image = (Name: string, more = {}) => ({
    Name,
    ImageId: `ami-${Name}`,
    RootDeviceType: 'ebs' as const,
    RootDeviceName: '/dev/xvda',
    State: 'available' as const,
    ...more,
  });

  it('is the newest standard one', () => {
    const newest = image('al2023-ami-2023.10.20261101.0-kernel-6.18-arm64', { RootDeviceName: '/dev/root' });
    expect(
      newestStandardImage([
        image('al2023-ami-2023.9.20261020.1-kernel-6.18-arm64'),
        image('al2023-ami-2023.10.20261101.0-kernel-6.1-arm64'),
        newest,
        image('al2023-ami-2023.10.20261101.0-kernel-6.12-arm64'),
        image('al2023-ami-minimal-2023.11.20261201.0-kernel-6.18-arm64'),
        image('al2023-ami-ecs-hvm-2023.0.20261201-kernel-6.18-arm64'),
        image('al2023-ami-2023.11.20261201.0-kernel-6.18-x86_64'),
        image('al2023-ami-2023.11.20261201.0-kernel-6.18-arm64', { State: 'pending' }),
        image('al2023-ami-2023.11.20261202.0-kernel-6.18-arm64', { RootDeviceType: 'instance-store' }),
      ]),
    ).toEqual({ imageId: newest.ImageId, rootDeviceName: '/dev/root' });
  });

  it('is none where there is none', () => {
    expect(newestStandardImage([image('al2023-ami-minimal-2023.9.1.0-kernel-6.18-arm64')])).toBeUndefined();
  });
});
