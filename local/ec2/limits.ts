import type { VolumeType } from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { INSTANCE_TYPES } from './instance-types.ts';
import type { Simulation } from './simulation.ts';

/** What an account may have at once, whatever a single resource may be: vCPUs and storage. */

/** Families that share the quota L-1216C47A: A, C, D, H, I, M, R, T, Z. (hpc, inf, mac, trn… have their own.) */
const STANDARD_FAMILY = /^(?:[acdhimrtz]|im|is)\d/;
/** Stopped instances take none; those that end take theirs until they have. */
const TAKES_VCPUS = ['pending', 'running', 'stopping', 'shutting-down'];
const GIB_PER_TIB = 1024;

function standardVcpus(type: string): number {
  return STANDARD_FAMILY.test(type) ? (INSTANCE_TYPES.get(type)?.vcpus ?? 0) : 0;
}

/** Whether instances of these types may run beside those that do. @throws VcpuLimitExceeded */
export function checkVcpus(sim: Simulation, types: readonly string[]): void {
  const limit = sim.quotas.standardVcpus;
  const asked = types.reduce((sum, type) => sum + standardVcpus(type), 0);
  if (limit === undefined || asked === 0) return;
  const taken = sim.state.instances
    .all()
    .filter((instance) => TAKES_VCPUS.includes(instance.state))
    .reduce((sum, instance) => sum + standardVcpus(instance.type), 0);
  if (taken + asked <= limit) return;
  throw new AwsError(
    'VcpuLimitExceeded',
    `You have requested more vCPU capacity than your current vCPU limit of ${limit} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`,
  );
}

export interface Storage {
  readonly type: VolumeType;
  readonly sizeGiB: number;
}

/** Whether volumes may be added to those that there are. @throws VolumeLimitExceeded */
export function checkStorage(sim: Simulation, added: readonly Storage[]): void {
  for (const type of new Set(added.map((volume) => volume.type))) {
    const limitTiB = sim.quotas.storageTiB[type];
    if (limitTiB === undefined) continue;
    const there = sim.state.volumes
      .all()
      .filter((volume) => volume.state !== 'deleted' && volume.state !== 'deleting');
    if (sizeOf(type, there) + sizeOf(type, added) <= limitTiB * GIB_PER_TIB) continue;
    throw new AwsError(
      'VolumeLimitExceeded',
      `You have exceeded your maximum ${type} storage limit of ${limitTiB} TiB in this region. Please contact AWS Support to request an Elastic Block Store service limit increase.`,
    );
  }
}

const sizeOf = (type: VolumeType, volumes: readonly Storage[]): number =>
  volumes.filter((volume) => volume.type === type).reduce((sum, volume) => sum + volume.sizeGiB, 0);
