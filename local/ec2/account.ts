import type {
  DescribeAccountAttributesRequest,
  DescribeAccountAttributesResult,
  DescribeAvailabilityZonesRequest,
  DescribeAvailabilityZonesResult,
  DescribeRegionsRequest,
  DescribeRegionsResult,
  DisableEbsEncryptionByDefaultResult,
  EnableEbsEncryptionByDefaultResult,
  GetEbsDefaultKmsKeyIdResult,
  GetEbsEncryptionByDefaultResult,
} from '@aws-sdk/client-ec2';
import { invalidValue } from './errors.ts';
import { makeFilter } from './filters.ts';
import { mutation, type Operations, query } from './operation.ts';
import { type Simulation, zoneId } from './simulation.ts';

export function accountOperations(sim: Simulation): Operations {
  const { region, availabilityZones } = sim.context;
  const encryption = <Result>(name: string, enabled: boolean) =>
    mutation<object, Result>(sim, name, [], () => () => {
      sim.state.settings.encryptionByDefault = enabled;
      return { EbsEncryptionByDefault: enabled } as Result;
    });
  return {
    DescribeRegions: query<DescribeRegionsRequest, DescribeRegionsResult>(
      'DescribeRegions',
      ['RegionNames', 'AllRegions', 'Filters'],
      (input) => {
        for (const name of input.RegionNames ?? []) {
          if (name !== region) throw invalidValue(`Invalid region: [${name}]`);
        }
        const only = {
          RegionName: region,
          Endpoint: `ec2.${region}.amazonaws.com`,
          OptInStatus: 'opt-in-not-required',
        };
        const passes = makeFilter(input.Filters, {
          'region-name': (each: typeof only) => each.RegionName,
          endpoint: (each) => each.Endpoint,
          'opt-in-status': (each) => each.OptInStatus,
        });
        return { Regions: [only].filter(passes) };
      },
    ),
    DescribeAvailabilityZones: query<DescribeAvailabilityZonesRequest, DescribeAvailabilityZonesResult>(
      'DescribeAvailabilityZones',
      ['ZoneNames', 'ZoneIds', 'AllAvailabilityZones', 'Filters'],
      (input) => {
        const zones = availabilityZones.map((name) => zoneOutput(sim, name));
        const names = input.ZoneNames ?? [];
        const ids = input.ZoneIds ?? [];
        const unknown =
          names.find((name) => !zones.some((zone) => zone.ZoneName === name)) ??
          ids.find((id) => !zones.some((zone) => zone.ZoneId === id));
        if (unknown) throw invalidValue(`Invalid availability zone: [${unknown}]`);
        const passes = makeFilter(input.Filters, {
          'region-name': () => region,
          state: () => 'available',
          'zone-name': (zone: ReturnType<typeof zoneOutput>) => zone.ZoneName,
          'zone-id': (zone) => zone.ZoneId,
          'zone-type': (zone) => zone.ZoneType,
          'opt-in-status': (zone) => zone.OptInStatus,
          'group-name': (zone) => zone.GroupName,
        });
        const chosen = zones.filter(
          (zone) =>
            (names.length === 0 || names.includes(zone.ZoneName)) &&
            (ids.length === 0 || ids.includes(zone.ZoneId)),
        );
        return { AvailabilityZones: chosen.filter(passes) };
      },
    ),
    DescribeAccountAttributes: query<DescribeAccountAttributesRequest, DescribeAccountAttributesResult>(
      'DescribeAccountAttributes',
      ['AttributeNames'],
      (input) => {
        const attributes = accountAttributes(sim);
        const wanted: readonly string[] = input.AttributeNames ?? Object.keys(attributes);
        return {
          AccountAttributes: Object.entries(attributes)
            .filter(([name]) => wanted.includes(name))
            .map(([name, value]) => ({ AttributeName: name, AttributeValues: [{ AttributeValue: value }] })),
        };
      },
    ),
    GetEbsEncryptionByDefault: query<object, GetEbsEncryptionByDefaultResult>(
      'GetEbsEncryptionByDefault',
      [],
      () => ({ EbsEncryptionByDefault: sim.state.settings.encryptionByDefault }),
    ),
    EnableEbsEncryptionByDefault: encryption<EnableEbsEncryptionByDefaultResult>(
      'EnableEbsEncryptionByDefault',
      true,
    ),
    DisableEbsEncryptionByDefault: encryption<DisableEbsEncryptionByDefaultResult>(
      'DisableEbsEncryptionByDefault',
      false,
    ),
    GetEbsDefaultKmsKeyId: query<object, GetEbsDefaultKmsKeyIdResult>('GetEbsDefaultKmsKeyId', [], () => ({
      KmsKeyId: 'alias/aws/ebs',
    })),
  };
}

function zoneOutput(sim: Simulation, name: string) {
  const { region } = sim.context;
  return {
    ZoneName: name,
    ZoneId: zoneId(sim, name),
    ZoneType: 'availability-zone',
    State: 'available' as const,
    RegionName: region,
    GroupName: `${region}-zg-1`,
    NetworkBorderGroup: region,
    OptInStatus: 'opt-in-not-required' as const,
    Messages: [],
  };
}

function accountAttributes(sim: Simulation): Record<string, string> {
  return {
    'supported-platforms': 'VPC',
    'default-vpc': sim.state.vpcs.all().find((vpc) => vpc.isDefault)?.id ?? 'none',
    'max-instances': '20',
    'vpc-max-security-groups-per-interface': '5',
    'max-elastic-ips': '5',
    'vpc-max-elastic-ips': '5',
  };
}
