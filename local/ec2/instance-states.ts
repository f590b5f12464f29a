import type {
  InstanceStateChange,
  RebootInstancesRequest,
  StartInstancesRequest,
  StartInstancesResult,
  StopInstancesRequest,
  StopInstancesResult,
  TerminateInstancesRequest,
  TerminateInstancesResult,
} from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { stateOutput } from './describe-instances.ts';
import { SECONDS } from './durations.ts';
import { incorrectInstanceState, invalidValue, required } from './errors.ts';
import { beginShutdown, byUser } from './instance-lifecycle.ts';
import { checkVcpus } from './limits.ts';
import { mutation, type Operations } from './operation.ts';
import type { InstanceRecord, InstanceStateText } from './records.ts';
import { needAll, nowText, type Simulation, volumesOf } from './simulation.ts';

function needInstances(sim: Simulation, ids: readonly string[] | undefined): InstanceRecord[] {
  const wanted = required(ids, 'InstanceId');
  if (wanted.length === 0) throw required(undefined, 'InstanceId');
  return needAll(sim, 'instance', [...new Set(wanted)]);
}

const change = (instance: InstanceRecord, previous: InstanceStateText): InstanceStateChange => ({
  InstanceId: instance.id,
  PreviousState: stateOutput(previous),
  CurrentState: stateOutput(instance.state),
});

function checkState(instance: InstanceRecord, allowed: readonly InstanceStateText[], verb: string): void {
  if (allowed.includes(instance.state)) return;
  throw incorrectInstanceState(
    `The instance '${instance.id}' is not in a state from which it can be ${verb}.`,
  );
}

function checkRoot(sim: Simulation, instance: InstanceRecord): void {
  const hasRoot = volumesOf(sim, instance.id).some(
    ({ attachment }) => attachment?.device === instance.rootDeviceName && attachment.state === 'attached',
  );
  if (hasRoot) return;
  throw invalidValue(
    `Invalid value '${instance.id}' for instanceId. Instance does not have a volume attached at root (${instance.rootDeviceName})`,
  );
}

function beginStart(sim: Simulation, instance: InstanceRecord, call: Call): InstanceStateChange {
  const previous = instance.state;
  if (previous !== 'stopped') return change(instance, previous);
  instance.state = 'pending';
  instance.launchTime = nowText(sim);
  instance.stateTransitionReason = '';
  delete instance.stateReason;
  sim.events.instanceState(instance.id, 'pending');
  if (!call.effects.stuck) {
    sim.transitions.schedule({
      kind: 'instance-started',
      resourceId: instance.id,
      seconds: SECONDS.instancePending,
      fate: call.effects,
    });
  }
  return change(instance, previous);
}

interface UserShutdown {
  readonly kind: 'instance-stopped' | 'instance-terminated';
  readonly seconds: number;
  readonly call: Call;
}

function shutDown(sim: Simulation, instance: InstanceRecord, shutdown: UserShutdown): InstanceStateChange {
  const previous = instance.state;
  beginShutdown(sim, instance, {
    ...shutdown,
    reason: 'Client.UserInitiatedShutdown: User initiated shutdown',
    transitionReason: byUser(sim),
    fate: shutdown.call.effects,
  });
  return change(instance, previous);
}

interface Stop {
  readonly seconds: number;
  readonly call: Call;
}

function beginStop(sim: Simulation, instance: InstanceRecord, stop: Stop): InstanceStateChange {
  if (instance.state !== 'running') return change(instance, instance.state);
  return shutDown(sim, instance, { kind: 'instance-stopped', ...stop });
}

function beginTermination(sim: Simulation, instance: InstanceRecord, call: Call): InstanceStateChange {
  const { state } = instance;
  if (state === 'terminated' || state === 'shutting-down') return change(instance, state);
  const seconds = SECONDS.instanceShuttingDown;
  return shutDown(sim, instance, { kind: 'instance-terminated', seconds, call });
}

function protectedFrom(instance: InstanceRecord, verb: string, attribute: string): AwsError {
  return new AwsError(
    'OperationNotPermitted',
    `The instance '${instance.id}' may not be ${verb}. Modify its '${attribute}' instance attribute and try again.`,
  );
}

export function instanceStateOperations(sim: Simulation): Operations {
  return {
    StartInstances: mutation<StartInstancesRequest, StartInstancesResult>(
      sim,
      'StartInstances',
      ['InstanceIds'],
      (input, call) => {
        const instances = needInstances(sim, input.InstanceIds);
        for (const instance of instances) {
          checkState(instance, ['stopped', 'pending', 'running'], 'started');
          if (instance.state === 'stopped') checkRoot(sim, instance);
        }
        const stopped = instances.filter((instance) => instance.state === 'stopped');
        checkVcpus(
          sim,
          stopped.map((instance) => instance.type),
        );
        return () => ({ StartingInstances: instances.map((instance) => beginStart(sim, instance, call)) });
      },
    ),
    StopInstances: mutation<StopInstancesRequest, StopInstancesResult>(
      sim,
      'StopInstances',
      ['InstanceIds', 'Force', 'SkipOsShutdown', 'Hibernate'],
      (input, call) => {
        const instances = needInstances(sim, input.InstanceIds);
        for (const instance of instances) {
          checkState(instance, ['running', 'stopping', 'stopped'], 'stopped');
          if (instance.disableApiStop) throw protectedFrom(instance, 'stopped', 'disableApiStop');
        }
        if (input.Hibernate) {
          throw new AwsError(
            'UnsupportedHibernationConfiguration',
            'The instance is not configured for hibernation and cannot be hibernated.',
          );
        }
        const atOnce = input.Force || input.SkipOsShutdown;
        const seconds = atOnce ? SECONDS.instanceStoppingAtOnce : SECONDS.instanceStopping;
        return () => ({
          StoppingInstances: instances.map((instance) => beginStop(sim, instance, { seconds, call })),
        });
      },
    ),
    RebootInstances: mutation<RebootInstancesRequest, object>(
      sim,
      'RebootInstances',
      ['InstanceIds'],
      (input) => {
        const instances = needInstances(sim, input.InstanceIds);
        for (const instance of instances) checkState(instance, ['running'], 'rebooted');
        return () => {
          // User data runs at the first boot alone: what it had started is over.
          for (const { id } of instances) void sim.helpers.end(id);
          return {};
        };
      },
    ),
    TerminateInstances: mutation<TerminateInstancesRequest, TerminateInstancesResult>(
      sim,
      'TerminateInstances',
      ['InstanceIds', 'Force', 'SkipOsShutdown'],
      (input, call) => {
        const instances = needInstances(sim, input.InstanceIds);
        for (const instance of instances) {
          if (!instance.disableApiTermination || instance.state === 'terminated') continue;
          throw protectedFrom(instance, 'terminated', 'disableApiTermination');
        }
        return () => ({
          TerminatingInstances: instances.map((instance) => beginTermination(sim, instance, call)),
        });
      },
    ),
  };
}
