import { z } from 'zod';
import {
  type DiskState,
  diskStateSchema,
  diskStatesPrefix,
  type HelperOrders,
  ordersKey,
} from '../../core/model/helper.ts';
import { GIB_BYTES } from '../../core/model/ids.ts';
import type { Plan } from '../../core/model/plan.ts';
import { listRecords, RecordChanged, readRecord, writeRecord } from '../runtime/control-bucket.ts';
import { makeOnce, type RestoreContext, readEntry, readPlan } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { folderOf, helperContextSchema, helperName, plannedHelper } from './helper/planned.ts';
import { writtenVolumes } from './volume/of-disks.ts';

const inputSchema = helperContextSchema.extend({
  generation: z.number().int().positive(),
  /** Seconds that were waited for the helper before this one: the deadline for the data is that of both. */
  waitedSeconds: z.number().int().nonnegative(),
});

/**
 * Tells the helper what to write where, once every volume was seen attached to it and to nothing else. A helper that
 * replaces another one is given its disk states first, so that it goes on where that one ended.
 */
export const handler = makeStep(inputSchema, async (input) => {
  const { generation, waitedSeconds, instance, instanceId, ...context } = input;
  const plan = await readPlan(context);
  const folder = folderOf(plan, instanceId);
  await makeOnce({
    context,
    entry: { kind: 'order', name: instance },
    step: 'order-helper',
    create: async () => {
      if (generation > 1) await carryOver(context, plan, { from: helperName(generation - 1), folder });
      await writeOnce(ordersKey(folder), await ordersOf(context, plan));
      return ordersKey(folder);
    },
  });
  return { instance, instanceId, poll: { ...firstPoll(5, 600), waitedSeconds } };
});

async function ordersOf(context: RestoreContext, plan: Plan): Promise<HelperOrders> {
  const volumes = await writtenVolumes(context, plan);
  return {
    version: 1,
    restoreId: plan.restoreId,
    attempt: plan.attempt,
    repository: plan.repository,
    restorePoint: plan.restorePoint,
    readBack: plannedHelper(plan).readBack,
    disks: volumes.map(({ disk, volumeId }) => ({
      id: disk.id,
      volumeId,
      diskBytes: disk.size,
      volumeBytes: disk.volumeGiB * GIB_BYTES,
    })),
  };
}

/** The helper before was seen terminated: what it left does not change any more. */
async function carryOver(
  context: RestoreContext,
  plan: Plan,
  { from, folder }: { from: string; folder: string },
): Promise<void> {
  const instanceId = (await readEntry(context, { kind: 'instance', name: from }))?.resourceId;
  if (instanceId === undefined) return;
  const prefix = diskStatesPrefix(folderOf(plan, instanceId));
  for await (const key of listRecords(prefix)) {
    const state = await readRecord<typeof diskStateSchema>(key, diskStateSchema);
    if (state) await writeOnce(diskStatesPrefix(folder) + key.slice(prefix.length), state.value);
  }
}

/** An earlier try may have written it, and the helper may have gone on from there: that one stands. */
async function writeOnce(key: string, value: HelperOrders | DiskState): Promise<void> {
  try {
    await writeRecord(key, value, { replaces: 'nothing' });
  } catch (error) {
    if (!(error instanceof RecordChanged)) throw error;
  }
}
