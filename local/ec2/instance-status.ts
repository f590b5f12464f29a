import type {
  DescribeInstanceStatusRequest,
  DescribeInstanceStatusResult,
  GetConsoleOutputRequest,
  GetConsoleOutputResult,
  GetInstanceUefiDataRequest,
  GetInstanceUefiDataResult,
  InstanceStatus,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { stateOutput } from './describe-instances.ts';
import { notSimulated, required } from './errors.ts';
import { describe } from './filters.ts';
import { type Operations, query } from './operation.ts';
import type { InstanceRecord } from './records.ts';
import { need, type Simulation, zoneId } from './simulation.ts';

type Check = 'initializing' | 'ok' | 'impaired' | 'not-applicable';

const REACHABILITY = { initializing: 'initializing', ok: 'passed', impaired: 'failed' } as const;

/** The instance check looks at the guest, the system check at the host: only the first can fail here. */
function checksOf(instance: InstanceRecord): { instance: Check; system: Check } {
  if (instance.state !== 'running') return { instance: 'not-applicable', system: 'not-applicable' };
  const result = instance.checks ?? 'initializing';
  return { instance: result, system: result === 'impaired' ? 'ok' : result };
}

function summary(instance: InstanceRecord, status: Check) {
  if (status === 'not-applicable') return { Status: status };
  return {
    Status: status,
    Details: [
      {
        Name: 'reachability' as const,
        Status: REACHABILITY[status],
        ...(status === 'impaired' && instance.checkedAt
          ? { ImpairedSince: new Date(instance.checkedAt) }
          : {}),
      },
    ],
  };
}

function statusOutput(sim: Simulation, instance: InstanceRecord): InstanceStatus {
  const checks = checksOf(instance);
  return {
    InstanceId: instance.id,
    AvailabilityZone: instance.zone,
    AvailabilityZoneId: zoneId(sim, instance.zone),
    InstanceState: stateOutput(instance.state),
    InstanceStatus: summary(instance, checks.instance),
    SystemStatus: summary(instance, checks.system),
    AttachedEbsStatus: summary(instance, checks.system),
    Events: [],
  };
}

/** The screen of an instance that never boots says so. */
const consoleText = (instance: InstanceRecord): string =>
  [
    `[landfall local region] ${instance.id} (${instance.type}, ${instance.architecture}, ${instance.currentBootMode})`,
    'Nothing boots in the local region: the instance only goes through its states.',
    'Open the files of its volumes with qemu-system-x86_64 or losetup to look at what would have booted.',
    '',
  ].join('\n');

export function instanceStatusOperations(sim: Simulation): Operations {
  return {
    DescribeInstanceStatus: query<DescribeInstanceStatusRequest, DescribeInstanceStatusResult>(
      'DescribeInstanceStatus',
      ['InstanceIds', 'Filters', 'IncludeAllInstances', 'MaxResults', 'NextToken', 'IncludeManagedResources'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'instance',
          items: sim.state.instances.all(),
          ids: input.InstanceIds,
          request: input,
          filters: {
            'availability-zone': (instance) => instance.zone,
            'instance-state-code': (instance) => stateOutput(instance.state).Code,
            'instance-state-name': (instance) => instance.state,
            'instance-status.status': (instance) => checksOf(instance).instance,
            'system-status.status': (instance) => checksOf(instance).system,
          },
          tagsOf: (instance) => instance.tags,
          where: (instance) => input.IncludeAllInstances === true || instance.state === 'running',
        });
        return { InstanceStatuses: page.map((instance) => statusOutput(sim, instance)), ...token };
      },
    ),
    GetConsoleOutput: query<GetConsoleOutputRequest, GetConsoleOutputResult>(
      'GetConsoleOutput',
      ['InstanceId', 'Latest'],
      async (input) => {
        const instance = need(sim, 'instance', required(input.InstanceId, 'instanceId'));
        const printed = await sim.helpers.console(instance.id);
        const output = instance.state === 'pending' ? '' : consoleText(instance) + printed;
        return {
          InstanceId: instance.id,
          Timestamp: new Date(instance.launchTime),
          Output: Buffer.from(output).toString('base64'),
        };
      },
    ),
    GetConsoleScreenshot: () => {
      throw notSimulated('GetConsoleScreenshot');
    },
    GetInstanceUefiData: query<GetInstanceUefiDataRequest, GetInstanceUefiDataResult>(
      'GetInstanceUefiData',
      ['InstanceId'],
      (input) => {
        const instance = need(sim, 'instance', required(input.InstanceId, 'instanceId'));
        if (instance.currentBootMode !== 'uefi') {
          throw new AwsError('UnsupportedOperation', `The instance '${instance.id}' does not boot by UEFI`);
        }
        return { InstanceId: instance.id, UefiData: instance.uefiData ?? '' };
      },
    ),
  };
}
