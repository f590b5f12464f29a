import type { FaultEffects } from '../faults.ts';
import { dissociate } from './addresses.ts';
import { release } from './attachments.ts';
import { SECONDS } from './durations.ts';
import { keyProblem } from './kms.ts';
import { makePublicIp } from './network-interfaces.ts';
import type { InstanceRecord, VolumeRecord } from './records.ts';
import { find, interfacesOf, nowText, type Simulation, volumesOf } from './simulation.ts';
import { fillFromSnapshot, scheduleCreation, startRemoval } from './volume-store.ts';

/** What instances go through by themselves once they were told to start, stop or terminate. */

/** As much of a root volume's start must hold something for the status checks to pass: nothing boots from zeros. */
const BOOT_BYTES = 1024 ** 2;

/** `Client.InternalError: Client error on launch` carries its code before the colon, as EC2 writes it. */
function reasonOf(message: string): NonNullable<InstanceRecord['stateReason']> {
  const code = /^((?:Client|Server)\.[\w.]+):/.exec(message)?.[1];
  return { code: code ?? 'Server.InternalError', message };
}

const DEFAULT_FAILURE = 'Client.InternalError: Client error on launch';

/** The text in which EC2 says when a person did it: `User initiated (2026-11-22 09:27:00 GMT)`. */
export const byUser = (sim: Simulation): string =>
  `User initiated (${nowText(sim).slice(0, 19).replace('T', ' ')} GMT)`;

function enter(sim: Simulation, instance: InstanceRecord, state: InstanceRecord['state']): void {
  instance.state = state;
  delete instance.checks;
  delete instance.checkedAt;
  sim.events.instanceState(instance.id, state);
}

interface Shutdown {
  readonly kind: 'instance-stopped' | 'instance-terminated';
  readonly seconds: number;
  /** Its code before the colon. */
  readonly reason: string;
  readonly transitionReason: string;
  readonly fate?: FaultEffects;
}

const SHUTDOWN_STATES = { 'instance-stopped': 'stopping', 'instance-terminated': 'shutting-down' } as const;

/** Takes an instance down, whoever asked for it; what it ran is gone before its volumes part from it. */
export function beginShutdown(sim: Simulation, instance: InstanceRecord, shutdown: Shutdown): void {
  const { kind, seconds, reason, transitionReason, fate } = shutdown;
  instance.stateReason = reasonOf(reason);
  instance.stateTransitionReason = transitionReason;
  sim.transitions.cancel(instance.id);
  void sim.helpers.end(instance.id);
  enter(sim, instance, SHUTDOWN_STATES[kind]);
  if (!fate?.stuck) sim.transitions.schedule({ kind, resourceId: instance.id, seconds });
}

/** The instance's own system powers off; what that means is its attribute InstanceInitiatedShutdownBehavior. */
export function shutDownFromInside(sim: Simulation, instance: InstanceRecord): void {
  if (instance.state !== 'running') return;
  const terminates = instance.shutdownBehavior === 'terminate';
  beginShutdown(sim, instance, {
    ...(terminates
      ? { kind: 'instance-terminated', seconds: SECONDS.instanceShuttingDown }
      : { kind: 'instance-stopped', seconds: SECONDS.instanceStopping }),
    reason: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown',
    transitionReason: '',
  });
}

async function start(
  sim: Simulation,
  instance: InstanceRecord,
  run: { readonly fate: FaultEffects; readonly signal: AbortSignal },
): Promise<void> {
  if (instance.state !== 'pending') return;
  const failure = await launchFailure(sim, instance, run);
  if (failure) {
    fail(sim, instance, failure.endState, failure.message);
    return;
  }
  settleDevices(sim, instance);
  for (const each of interfacesOf(sim, instance.id)) {
    if (each.attachment) each.attachment.state = 'attached';
    if (each.autoPublicIp) each.association ??= { publicIp: makePublicIp(sim) };
  }
  delete instance.stateReason;
  enter(sim, instance, 'running');
  sim.helpers.begin(instance);
  if (run.fate.endState === 'initializing') return;
  sim.transitions.schedule({
    kind: 'instance-checked',
    resourceId: instance.id,
    seconds: SECONDS.statusChecks,
    fate: run.fate,
  });
}

/** The volumes that an instance was launched with are there now. */
function settleDevices(sim: Simulation, instance: InstanceRecord): void {
  for (const volume of volumesOf(sim, instance.id)) {
    if (volume.attachment?.state !== 'attaching') continue;
    volume.attachment.state = 'attached';
    sim.events.volume(volume.id, { event: 'createVolume', result: 'available' });
  }
}

/** Whether it comes up for the first time: RunInstances gives a reason for `pending`, StartInstances none. */
const isLaunched = (instance: InstanceRecord): boolean => instance.stateReason?.code === 'pending';

interface LaunchFailure {
  readonly endState: 'terminated' | 'stopped';
  readonly message: string;
}

/** Brings the volumes' bytes; says what keeps the instance from running, if anything does. */
async function launchFailure(
  sim: Simulation,
  instance: InstanceRecord,
  { fate, signal }: { readonly fate: FaultEffects; readonly signal: AbortSignal },
): Promise<LaunchFailure | undefined> {
  const { endState, message = DEFAULT_FAILURE } = fate;
  if (endState === 'terminated' || endState === 'stopped') return { endState, message };
  if (volumesOf(sim, instance.id).some(({ kmsKeyId }) => keyProblem(sim, kmsKeyId) !== undefined)) {
    return { endState: isLaunched(instance) ? 'terminated' : 'stopped', message: DEFAULT_FAILURE };
  }
  try {
    for (const volume of volumesOf(sim, instance.id)) await fillFromSnapshot(sim, volume, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { endState: 'terminated', message: `Server.InternalError: ${String(error)}` };
  }
  return undefined;
}

function fail(
  sim: Simulation,
  instance: InstanceRecord,
  endState: 'terminated' | 'stopped',
  message: string,
): void {
  instance.stateReason = reasonOf(message);
  instance.stateTransitionReason = message.split(':')[0] ?? '';
  if (endState === 'terminated') {
    finishTermination(sim, instance);
    return;
  }
  settleDevices(sim, instance);
  enter(sim, instance, 'stopped');
}

function finishStop(sim: Simulation, instance: InstanceRecord): void {
  if (instance.state !== 'stopping') return;
  for (const each of interfacesOf(sim, instance.id)) {
    // Amazon's own public addresses are only lent for the time an instance runs.
    if (each.association && !each.association.allocationId) delete each.association;
  }
  for (const volume of volumesOf(sim, instance.id)) letGoIfBusy(sim, volume);
  enter(sim, instance, 'stopped');
}

/** A volume that the guest would not let go of parts when the guest is gone. */
function letGoIfBusy(sim: Simulation, volume: VolumeRecord): void {
  if (volume.attachment?.state !== 'busy') return;
  volume.attachment.state = 'detaching';
  sim.transitions.schedule({
    kind: 'volume-detached',
    resourceId: volume.id,
    seconds: SECONDS.volumeDetaching,
  });
}

function letGoOfVolume(sim: Simulation, volume: VolumeRecord): void {
  if (volume.attachment?.deleteOnTermination) {
    startRemoval(sim, volume);
    return;
  }
  release(sim, volume);
  if (volume.contentReady) return;
  // Its instance ended before its bytes had come: it is made to its end on its own.
  volume.state = 'creating';
  scheduleCreation(sim, volume, {});
}

function finishTermination(sim: Simulation, instance: InstanceRecord): void {
  if (instance.state === 'terminated') return;
  for (const volume of volumesOf(sim, instance.id)) letGoOfVolume(sim, volume);
  for (const each of interfacesOf(sim, instance.id)) {
    const address = each.association?.allocationId && find(sim, 'address', each.association.allocationId);
    const doomed = each.attachment?.deleteOnTermination;
    if (address && doomed) dissociate(sim, address);
    if (each.association && !address) delete each.association;
    delete each.attachment;
    if (doomed) sim.state.networkInterfaces.delete(each.id);
  }
  sim.helpers.devicesChanged(instance.id);
  delete instance.profile;
  instance.terminatedAt = nowText(sim);
  enter(sim, instance, 'terminated');
  sim.transitions.schedule({
    kind: 'instance-forgotten',
    resourceId: instance.id,
    seconds: SECONDS.terminatedVisible,
  });
}

async function check(sim: Simulation, instance: InstanceRecord, fate: FaultEffects): Promise<void> {
  const root = volumesOf(sim, instance.id).find(
    (volume) => volume.attachment?.device === instance.rootDeviceName,
  );
  const first = root ? await sim.disks.startOfVolume(root.id, BOOT_BYTES) : new Uint8Array();
  if (instance.state !== 'running') return;
  const boots = first.some((byte) => byte !== 0) && fate.endState !== 'impaired';
  instance.checks = boots ? 'ok' : 'impaired';
  instance.checkedAt = nowText(sim);
}

export function handleInstanceTransitions(sim: Simulation): void {
  const { transitions, state } = sim;
  transitions.on('instance-started', async (id, run) => {
    const instance = state.instances.get(id);
    if (instance) await start(sim, instance, run);
  });
  transitions.on('instance-stopped', async (id) => {
    await sim.helpers.end(id);
    const instance = state.instances.get(id);
    if (instance) finishStop(sim, instance);
  });
  transitions.on('instance-terminated', async (id) => {
    await sim.helpers.end(id);
    const instance = state.instances.get(id);
    if (instance) finishTermination(sim, instance);
  });
  transitions.on('instance-checked', async (id, { fate }) => {
    const instance = state.instances.get(id);
    if (instance?.state === 'running') await check(sim, instance, fate);
  });
  transitions.on('instance-forgotten', async (id) => {
    await sim.helpers.forget(id);
    state.instances.delete(id);
  });
}
