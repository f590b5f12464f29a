import { DescribeAvailabilityZonesCommand, type Subnet } from '@aws-sdk/client-ec2';
import type { PlannedVolumes } from '../../../core/model/plan.ts';
import { shown } from '../../../core/model/request.ts';
import { describeSubnet } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { TargetFacts } from './facts.ts';
import { chooseName, sourceNameOf } from './names.ts';
import { chooseSubnet } from './subnet.ts';

type VolumesFacts = Pick<TargetFacts, 'workload' | 'request' | 'findings'>;

/** What of the target means something where no instance is made. */
const USED = new Set([
  'name',
  'namePrefix',
  'nameSuffix',
  'subnetId',
  'subnetIds',
  'availabilityZone',
  'tags',
  // True unless the request says otherwise: whether it does cannot be told any more.
  'powerOn',
]);

/** Decides where the volumes are made, and what they are called. Of a zone alone the subnet has nothing but that. */
export async function planVolumes(
  facts: VolumesFacts,
): Promise<{ target: PlannedVolumes | undefined; subnet: Subnet | undefined }> {
  const { workload, request, findings } = facts;
  for (const [field, value] of Object.entries(request.target)) {
    if (value === undefined || USED.has(field)) continue;
    findings.warning(
      `target.${field}`,
      shown(value),
      'is not used: no instance is made',
      'Leave it out, or give restoreTo "new"',
    );
  }
  const subnet = await findPlace(facts);
  const name = chooseName(workload, request, { findings });
  const availabilityZone = subnet?.AvailabilityZone;
  if (availabilityZone === undefined) return { target: undefined, subnet };
  return {
    target: {
      restoreTo: 'volumes',
      name,
      sourceName: sourceNameOf(workload),
      availabilityZone,
    },
    subnet,
  };
}

async function findPlace(facts: VolumesFacts): Promise<Subnet | undefined> {
  const { workload, request, findings } = facts;
  const { availabilityZone, subnetId, subnetIds } = request.target;
  if (availabilityZone !== undefined) return await askedZone(availabilityZone, facts);
  if (subnetIds) return await chooseSubnet(subnetIds, { ...facts, disks: [] });
  const wanted = subnetId ?? workload.source?.subnetId;
  const subnet = wanted === undefined ? undefined : await describeSubnet(wanted);
  if (subnet) return subnet;
  const advice = `Give target.subnetId, or target.availabilityZone, e.g. ${(await zones()).join(', ')}`;
  if (subnetId !== undefined) {
    findings.error('target.subnetId', subnetId, 'does not exist here', advice);
    return undefined;
  }
  const sourceZone = workload.source?.availabilityZone;
  if (sourceZone !== undefined && (await zones()).includes(sourceZone)) {
    return { AvailabilityZone: sourceZone };
  }
  findings.error(
    'target.availabilityZone',
    'nothing',
    'neither the source’s subnet nor its zone is known here, so the request must name one',
    advice,
  );
  return undefined;
}

async function askedZone(zone: string, { findings }: VolumesFacts): Promise<Subnet | undefined> {
  const known = await zones();
  if (known.includes(zone)) return { AvailabilityZone: zone };
  findings.error(
    'target.availabilityZone',
    zone,
    'is no zone of this Region that can be used',
    `Give one of ${known.join(', ')}`,
  );
  return undefined;
}

/** The zones of this Region that the account may use. */
async function zones(): Promise<string[]> {
  const { AvailabilityZones = [] } = await ec2.send(new DescribeAvailabilityZonesCommand({}));
  return AvailabilityZones.filter(({ State }) => State === 'available').flatMap(
    ({ ZoneName }) => ZoneName ?? [],
  );
}
