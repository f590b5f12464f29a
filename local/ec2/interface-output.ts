import type { InstanceNetworkInterface, NetworkInterface } from '@aws-sdk/client-ec2';
import type { NetworkInterfaceRecord } from './records.ts';
import { groupIdentifiers } from './security-groups.ts';
import { type Simulation, zoneId } from './simulation.ts';
import { tagList } from './tags.ts';

/** A network interface as DescribeNetworkInterfaces tells it, and the little less that DescribeInstances does. */

export const privateDnsName = (privateIp: string): string =>
  `ip-${privateIp.replaceAll('.', '-')}.ec2.internal`;

export const publicDnsName = (publicIp: string): string =>
  `ec2-${publicIp.replaceAll('.', '-')}.compute-1.amazonaws.com`;

/** What both tell. */
function commonOutput(sim: Simulation, record: NetworkInterfaceRecord) {
  return {
    NetworkInterfaceId: record.id,
    OwnerId: sim.context.accountId,
    SubnetId: record.subnetId,
    VpcId: record.vpcId,
    Description: record.description,
    InterfaceType: 'interface' as const,
    MacAddress: record.mac,
    PrivateIpAddress: record.privateIp,
    PrivateDnsName: privateDnsName(record.privateIp),
    Ipv6Addresses: [],
    SourceDestCheck: record.sourceDestCheck,
    Status: record.attachment ? ('in-use' as const) : ('available' as const),
    Groups: groupIdentifiers(sim, record.groupIds),
  };
}

/** The public address stands on the interface and on its only private address alike. */
function addressesOutput<Association>(record: NetworkInterfaceRecord, association: Association | undefined) {
  const shared = association ? { Association: association } : {};
  const { privateIp } = record;
  return {
    PrivateIpAddresses: [
      {
        Primary: true,
        PrivateIpAddress: privateIp,
        PrivateDnsName: privateDnsName(privateIp),
        ...shared,
      },
    ],
    ...shared,
  };
}

function associationOutput(sim: Simulation, { association }: NetworkInterfaceRecord) {
  return (
    association && {
      IpOwnerId: association.allocationId ? sim.context.accountId : 'amazon',
      PublicIp: association.publicIp,
      PublicDnsName: publicDnsName(association.publicIp),
    }
  );
}

function attachmentOutput({ attachment }: NetworkInterfaceRecord) {
  return (
    attachment && {
      AttachmentId: attachment.id,
      AttachTime: new Date(attachment.time),
      DeleteOnTermination: attachment.deleteOnTermination,
      DeviceIndex: attachment.deviceIndex,
      NetworkCardIndex: 0,
      Status: attachment.state,
    }
  );
}

/** As DescribeInstances tells it. */
export function instanceInterfaceOutput(
  sim: Simulation,
  record: NetworkInterfaceRecord,
): InstanceNetworkInterface {
  return {
    ...commonOutput(sim, record),
    ...addressesOutput(record, associationOutput(sim, record)),
    Attachment: attachmentOutput(record),
  };
}

/** As DescribeNetworkInterfaces tells it. */
export function interfaceOutput(sim: Simulation, record: NetworkInterfaceRecord): NetworkInterface {
  const { allocationId, associationId } = record.association ?? {};
  const association = associationOutput(sim, record);
  const attachment = attachmentOutput(record);
  return {
    ...commonOutput(sim, record),
    ...addressesOutput(
      record,
      association && {
        ...association,
        ...(allocationId ? { AllocationId: allocationId } : {}),
        ...(associationId ? { AssociationId: associationId } : {}),
      },
    ),
    AvailabilityZone: record.zone,
    AvailabilityZoneId: zoneId(sim, record.zone),
    RequesterManaged: false,
    TagSet: tagList(record),
    ...(attachment
      ? {
          Attachment: {
            ...attachment,
            InstanceId: record.attachment?.instanceId,
            InstanceOwnerId: sim.context.accountId,
          },
        }
      : {}),
  };
}
