import type {
  DescribeVolumesModificationsRequest,
  DescribeVolumesModificationsResult,
  ModifyVolumeRequest,
  ModifyVolumeResult,
  VolumeModification,
} from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { SECONDS } from './durations.ts';
import { incorrectState, invalidValue, required } from './errors.ts';
import { describe } from './filters.ts';
import { checkStorage } from './limits.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { VolumeRecord, VolumeShape } from './records.ts';
import { need, nowText, type Simulation } from './simulation.ts';
import { parseShape } from './volume-rules.ts';

const shapeOf = ({ sizeGiB, type, iops, throughput }: VolumeRecord): VolumeShape => ({
  sizeGiB,
  type,
  ...(iops === undefined ? {} : { iops }),
  ...(throughput === undefined ? {} : { throughput }),
});

/** The shape asked for; what is not named stays, but for figures that the new type does not have. */
function parseTarget(volume: VolumeRecord, input: ModifyVolumeRequest): VolumeShape {
  const type = input.VolumeType ?? volume.type;
  const sizeGiB = input.Size ?? volume.sizeGiB;
  if (sizeGiB < volume.sizeGiB) {
    throw invalidValue(`New size cannot be smaller than existing size`);
  }
  const sameType = type === volume.type;
  return parseShape({
    type,
    sizeGiB,
    iops: input.Iops ?? (sameType && type !== 'gp2' ? volume.iops : undefined),
    throughput: input.Throughput ?? (sameType ? volume.throughput : undefined),
  });
}

function modificationOutput(volume: VolumeRecord): VolumeModification {
  const { modification } = volume;
  if (!modification) return {};
  const { from, to } = modification;
  return {
    VolumeId: volume.id,
    ModificationState: modification.state,
    OriginalSize: from.sizeGiB,
    OriginalVolumeType: from.type,
    TargetSize: to.sizeGiB,
    TargetVolumeType: to.type,
    OriginalMultiAttachEnabled: false,
    TargetMultiAttachEnabled: false,
    Progress: modification.state === 'completed' ? 100 : 0,
    StartTime: new Date(modification.startTime),
    ...(from.iops === undefined ? {} : { OriginalIops: from.iops }),
    ...(from.throughput === undefined ? {} : { OriginalThroughput: from.throughput }),
    ...(to.iops === undefined ? {} : { TargetIops: to.iops }),
    ...(to.throughput === undefined ? {} : { TargetThroughput: to.throughput }),
    ...(modification.endTime ? { EndTime: new Date(modification.endTime) } : {}),
  };
}

function prepare(sim: Simulation, input: ModifyVolumeRequest, call: Call): () => ModifyVolumeResult {
  const volume = need(sim, 'volume', required(input.VolumeId, 'volumeId'));
  if (volume.state !== 'available' && volume.state !== 'in-use') {
    throw incorrectState(`The volume '${volume.id}' is in state '${volume.state}'.`);
  }
  if (volume.modification && volume.modification.state !== 'completed') {
    throw new AwsError('IncorrectModificationState', `Volume ${volume.id} is still being modified.`);
  }
  const to = parseTarget(volume, input);
  checkStorage(sim, [
    { type: to.type, sizeGiB: to.sizeGiB - (to.type === volume.type ? volume.sizeGiB : 0) },
  ]);
  return () => {
    volume.modification = { state: 'modifying', from: shapeOf(volume), to, startTime: nowText(sim) };
    if (!call.effects.stuck) {
      sim.transitions.schedule({
        kind: 'volume-modified',
        resourceId: volume.id,
        seconds: SECONDS.volumeModifying,
      });
    }
    return { VolumeModification: modificationOutput(volume) };
  };
}

export function handleVolumeModification(sim: Simulation): void {
  sim.transitions.on('volume-modified', async (id) => {
    const volume = sim.state.volumes.get(id);
    const modification = volume?.modification;
    if (!volume || modification?.state !== 'modifying') return;
    const { to } = modification;
    if (to.sizeGiB > volume.sizeGiB) await sim.disks.growVolume(id, to.sizeGiB);
    delete volume.iops;
    delete volume.throughput;
    Object.assign(volume, to);
    modification.state = 'optimizing';
    sim.events.volume(id, { event: 'modifyVolume', result: 'optimizing' });
    sim.transitions.schedule({
      kind: 'volume-optimized',
      resourceId: id,
      seconds: SECONDS.volumeOptimizing,
    });
  });
  sim.transitions.on('volume-optimized', (id) => {
    const modification = sim.state.volumes.get(id)?.modification;
    if (!modification) return;
    modification.state = 'completed';
    modification.endTime = nowText(sim);
    sim.events.volume(id, { event: 'modifyVolume', result: 'completed' });
  });
}

export function modifyVolumeOperations(sim: Simulation): Operations {
  return {
    ModifyVolume: mutation<ModifyVolumeRequest, ModifyVolumeResult>(
      sim,
      'ModifyVolume',
      ['VolumeId', 'Size', 'VolumeType', 'Iops', 'Throughput'],
      (input, call) => prepare(sim, input, call),
    ),
    DescribeVolumesModifications: query<
      DescribeVolumesModificationsRequest,
      DescribeVolumesModificationsResult
    >('DescribeVolumesModifications', ['VolumeIds', 'Filters', 'MaxResults', 'NextToken'], (input) => {
      const { page, ...token } = describe({
        kind: 'volume',
        items: sim.state.volumes.all().filter((volume) => volume.state !== 'deleted' && volume.modification),
        ids: input.VolumeIds,
        request: input,
        filters: {
          'modification-state': (volume) => volume.modification?.state,
          'volume-id': (volume) => volume.id,
        },
      });
      return { VolumesModifications: page.map(modificationOutput), ...token };
    }),
  };
}
