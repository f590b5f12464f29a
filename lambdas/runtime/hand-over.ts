import { CreateTagsCommand, DeleteTagsCommand } from '@aws-sdk/client-ec2';
import type { Plan, PlannedOriginal } from '../../core/model/plan.ts';
import { ORIGIN_TAG, ORIGINAL_TAG, TAG } from '../../core/model/restore-record.ts';
import { giveBack } from './borrowed.ts';
import { describeInstance } from './describe.ts';
import { ec2 } from './ec2.ts';
import {
  amendEntry,
  type EntryName,
  type RestoreContext,
  readClaim,
  readEntry,
  readPlan,
  resourceOf,
  type Tag,
} from './ledger.ts';

const INSTANCE: EntryName = { kind: 'instance', name: 'target' };
const ORIGINAL: EntryName = { kind: 'original', name: 'target' };

/** What a restore makes that stays: the volume of every disk, and the target where it makes one. */
function resultEntries({ target, disks }: Plan): EntryName[] {
  const volumes = disks.map(({ id }): EntryName => ({ kind: 'volume', name: id }));
  return target.restoreTo === 'new' ? [INSTANCE, ...volumes] : volumes;
}

/**
 * Notes in ledger and tags that target and volumes are the result, once the claim says that they are handed over.
 * Running it again finishes what a try that was cut off began. Returns their ids.
 */
export async function finishHandOver(context: RestoreContext): Promise<string[]> {
  const plan = await readPlan(context);
  const entries = resultEntries(plan);
  const Resources = await Promise.all(entries.map((entry) => resourceOf(context, entry)));
  const handedOverAt = new Date().toISOString();
  const { target } = plan;
  for (const entry of target.restoreTo === 'original' ? [ORIGINAL, ...entries] : entries) {
    if ((await readEntry(context, entry))?.handedOverAt === undefined) {
      await amendEntry(context, entry, { handedOverAt });
    }
  }
  const instanceId = entries.includes(INSTANCE) ? await resourceOf(context, INSTANCE) : undefined;
  const tagged = [...Resources, ...(instanceId === undefined ? [] : await interfacesOf(instanceId))];
  await ec2.send(new CreateTagsCommand({ Resources: tagged, Tags: [{ Key: TAG.role, Value: 'result' }] }));
  await ec2.send(new DeleteTagsCommand({ Resources: tagged, Tags: [{ Key: TAG.expires }] }));
  if (target.restoreTo === 'original') await handOverOriginal(context, { plan, target });
  return Resources;
}

// A tag's value holds 256 characters.
const NAME_CHARACTERS = 256;

/** The instance is the result of this restore now, and its old volumes say what became of them. */
async function handOverOriginal(
  context: RestoreContext,
  { plan, target }: { plan: Plan; target: PlannedOriginal },
): Promise<void> {
  const { restoreId } = context;
  const { handedOverAt } = (await readClaim(restoreId)).value;
  const replacedBy = ` (replaced by landfall restore ${restoreId} at ${handedOverAt})`;
  const nameOf = (diskId: string): string =>
    `${target.name} ${diskId}`.slice(0, NAME_CHARACTERS - replacedBy.length) + replacedBy;
  await giveBack(
    context,
    target,
    new Map([
      [
        target.instanceId,
        [
          { Key: TAG.restore, Value: restoreId },
          { Key: TAG.role, Value: 'result' },
          { Key: ORIGIN_TAG.restorePoint, Value: plan.restorePoint },
        ],
      ],
      ...target.replaced.map(({ diskId, volumeId }): [string, Tag[]] => [
        volumeId,
        [
          { Key: 'Name', Value: nameOf(diskId) },
          { Key: ORIGINAL_TAG.replacedBy, Value: restoreId },
        ],
      ]),
    ]),
  );
}

/** The target's network interfaces: they carry its tags, and end with it. */
async function interfacesOf(instanceId: string): Promise<string[]> {
  const { NetworkInterfaces = [] } = (await describeInstance({ id: instanceId })) ?? {};
  return NetworkInterfaces.flatMap(({ NetworkInterfaceId }) => NetworkInterfaceId ?? []);
}
