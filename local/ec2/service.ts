import { join } from 'node:path';
import type { RegionContext, Service } from '../service.ts';
import { accountOperations } from './account.ts';
import { addressOperations } from './addresses.ts';
import { attachmentOperations, handleAttachmentTransitions } from './attachments.ts';
import { cancelImportTaskOperations } from './cancel-import-task.ts';
import { createImageOperations } from './create-image.ts';
import { instanceTypeOperations } from './describe-instance-types.ts';
import { describeInstancesOperations } from './describe-instances.ts';
import {
  type DirectSnapshots,
  handleDirectSnapshotTransitions,
  makeDirectSnapshots,
} from './direct-snapshots.ts';
import { openDisks } from './disks.ts';
import { SECONDS } from './durations.ts';
import { makeEvents } from './events.ts';
import { type HelperView, makeHelperHost } from './helper-appliance/host.ts';
import { imageOperations } from './images.ts';
import { importImageOperations } from './import-image.ts';
import { handleImageImportTransitions } from './import-image-run.ts';
import { handleImportTransitions } from './import-run.ts';
import { importSnapshotOperations } from './import-snapshot.ts';
import { instanceAttributeOperations } from './instance-attributes.ts';
import { handleInstanceTransitions, shutDownFromInside } from './instance-lifecycle.ts';
import { instanceProfileOperations } from './instance-profiles.ts';
import { instanceStateOperations } from './instance-states.ts';
import { instanceStatusOperations } from './instance-status.ts';
import { keyPairOperations } from './key-pairs.ts';
import { handleVolumeModification, modifyVolumeOperations } from './modify-volume.ts';
import { networkInterfaceOperations } from './network-interfaces.ts';
import type { ObjectSource } from './object-source.ts';
import type { Operations } from './operation.ts';
import { prefixListOperations } from './prefix-lists.ts';
import { handleImageTransitions, registerImageOperations } from './register-image.ts';
import { routeTableOperations } from './route-tables.ts';
import { runInstancesOperations } from './run-instances.ts';
import { securityGroupRuleOperations } from './security-group-rules.ts';
import { securityGroupOperations } from './security-groups.ts';
import { seed, seedS3Endpoint } from './seed.ts';
import {
  type Ec2Assumptions,
  type Ec2Quotas,
  find,
  type IdentityDirectory,
  type KeyDirectory,
  type Simulation,
} from './simulation.ts';
import { handleSnapshotTransitions } from './snapshot-store.ts';
import { snapshotOperations } from './snapshots.ts';
import { type Ec2State, openState } from './state.ts';
import { subnetOperations } from './subnets.ts';
import { tagOperations } from './tags.ts';
import { makeTransitions } from './transitions.ts';
import { handleVolumeTransitions } from './volume-store.ts';
import { volumeOperations } from './volumes.ts';
import { vpcEndpointOperations } from './vpc-endpoints.ts';
import { vpcOperations } from './vpcs.ts';
import { obstacleToS3 } from './way-to-s3.ts';

export interface Ec2Dependencies {
  /** Reads objects of the region's S3 (ImportSnapshot reads the RAW image through it). */
  readonly objects: ObjectSource;
  /** Knows roles and instance profiles; without it any well-formed name is taken for an existing one. */
  readonly identities?: IdentityDirectory;
  /** Knows the keys of KMS. */
  readonly keys: KeyDirectory;
  /** Factor on simulated durations, for the heartbeat of helper appliances; 1 when absent. */
  readonly timeScale?: number;
}

/** The simulated EC2 service, and what only the region itself may ask of it. */
export interface Ec2Service extends Service {
  /** Path of the file that holds a volume's bytes; undefined when there is no such volume. */
  volumeFile(volumeId: string): string | undefined;
  /** Path of the file that holds a snapshot's bytes; undefined when there is no such snapshot. */
  snapshotFile(snapshotId: string): string | undefined;
  /** The snapshots as the EBS direct APIs see them. */
  readonly directSnapshots: DirectSnapshots;
  /** The process of a helper appliance's program; undefined when none runs. */
  helperProcess(instanceId: string): { readonly pid: number } | undefined;
  /** Every helper appliance that there is, or was within the last hour. */
  helpers(): HelperView[];
  /** May be changed at any time. */
  readonly quotas: Ec2Quotas;
  /** May be changed at any time. */
  readonly assumptions: Ec2Assumptions;
  /** Resolves when no bytes are being copied and no change of state is being carried out. */
  idle(): Promise<void>;
  /** Ends the programs of helper appliances and waits for them; they are up again when the region is. */
  stopHelpers(): Promise<void>;
  stop(): Promise<void>;
}

/** Opens (or creates, with its seeds) the EC2 of a region; transitions that were under way go on. */
export async function makeEc2Service(
  context: RegionContext,
  dependencies: Ec2Dependencies,
): Promise<Ec2Service> {
  const sim = await openSimulation(context, dependencies);
  if (sim.state.isNew) await seed(sim);
  if (sim.state.lacked('vpcEndpoints')) seedS3Endpoint(sim);
  forgetOldRecords(sim);
  for (const handle of HANDLERS) handle(sim);
  await sim.helpers.resume();
  sim.transitions.resume();
  sim.state.changed();
  return {
    name: 'ec2',
    operations: Object.assign({}, ...OPERATIONS.map((make) => make(sim))),
    volumeFile: (id) => (find(sim, 'volume', id) ? sim.disks.volumeFile(id) : undefined),
    snapshotFile: (id) => (find(sim, 'snapshot', id) ? sim.disks.snapshotFile(id) : undefined),
    directSnapshots: makeDirectSnapshots(sim),
    helperProcess: (id) => sim.helpers.process(id),
    helpers: () => sim.helpers.list(),
    quotas: sim.quotas,
    assumptions: sim.assumptions,
    idle: () => sim.transitions.idle(),
    stopHelpers: () => sim.helpers.stop(),
    async stop() {
      await sim.helpers.stop();
      await sim.transitions.stop();
      await sim.state.save();
    },
  };
}

const HANDLERS: readonly ((sim: Simulation) => void)[] = [
  handleAttachmentTransitions,
  handleDirectSnapshotTransitions,
  handleImageImportTransitions,
  handleImageTransitions,
  handleImportTransitions,
  handleInstanceTransitions,
  handleSnapshotTransitions,
  handleVolumeModification,
  handleVolumeTransitions,
];

const OPERATIONS: readonly ((sim: Simulation) => Operations)[] = [
  accountOperations,
  addressOperations,
  attachmentOperations,
  cancelImportTaskOperations,
  createImageOperations,
  describeInstancesOperations,
  imageOperations,
  importImageOperations,
  importSnapshotOperations,
  instanceAttributeOperations,
  instanceProfileOperations,
  instanceStateOperations,
  instanceStatusOperations,
  instanceTypeOperations,
  keyPairOperations,
  modifyVolumeOperations,
  networkInterfaceOperations,
  prefixListOperations,
  registerImageOperations,
  routeTableOperations,
  runInstancesOperations,
  securityGroupOperations,
  securityGroupRuleOperations,
  snapshotOperations,
  subnetOperations,
  tagOperations,
  volumeOperations,
  vpcEndpointOperations,
  vpcOperations,
];

/** Import tasks that an account may have at once (VM Import quota L-66ABAAD5). */
const IMPORT_TASKS = 20;

async function openSimulation(context: RegionContext, dependencies: Ec2Dependencies): Promise<Simulation> {
  const folder = join(context.stateFolder, 'ec2');
  const state: Ec2State = await openState(folder);
  const transitions = makeTransitions({
    time: context.time,
    pending: state.transitions,
    changed: state.changed,
  });
  const disks = await openDisks(folder);
  const sim: Simulation = {
    context,
    state,
    transitions,
    disks,
    objects: dependencies.objects,
    identities: dependencies.identities,
    keys: dependencies.keys,
    quotas: { importTasks: IMPORT_TASKS, standardVcpus: undefined, storageTiB: {} },
    assumptions: { importsOfEncryptedSnapshots: 'refused', importedGuestsHaveEna: true },
    events: makeEvents(context),
    helpers: makeHelperHost({
      context,
      state,
      disks,
      timeScale: dependencies.timeScale ?? 1,
      powerOff: (instance) => shutDownFromInside(sim, instance),
      obstacleToS3: (instance) => obstacleToS3(sim, instance),
    }),
  };
  return sim;
}

/** Client tokens, and the deleted volumes kept to answer for them, are forgotten after a day. */
function forgetOldRecords(sim: Simulation): void {
  const { clientTokens, volumes } = sim.state;
  const before = sim.context.time.now().getTime() - SECONDS.clientTokenKept * 1000;
  for (const token of clientTokens.all()) {
    if (Date.parse(token.time) < before) clientTokens.delete(token.id);
  }
  for (const volume of volumes.all()) {
    if (volume.state === 'deleted' && Date.parse(volume.createTime) < before) volumes.delete(volume.id);
  }
}
