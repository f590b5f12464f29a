import { CreateTagsCommand, DeleteTagsCommand } from '@aws-sdk/client-ec2';
import { TAG } from '../../core/model/restore-record.ts';
import { ec2 } from './ec2.ts';
import {
  amendEntry,
  type EntryName,
  type RestoreContext,
  readEntry,
  readPlan,
  resourceOf,
} from './ledger.ts';

/** What a restore leaves: the target and the volume of every disk. */
function resultEntries(diskIds: readonly string[]): EntryName[] {
  return [
    { kind: 'instance', name: 'target' },
    ...diskIds.map((name) => ({ kind: 'volume', name }) as const),
  ];
}

/**
 * Notes in ledger and tags that target and volumes are the result, once the claim says that they are handed over.
 * Running it again finishes what a try that was cut off began. Returns their ids, the target's first.
 */
export async function finishHandOver(context: RestoreContext): Promise<string[]> {
  const plan = await readPlan(context);
  const entries = resultEntries(plan.disks.map(({ id }) => id));
  const Resources = await Promise.all(entries.map((entry) => resourceOf(context, entry)));
  const handedOverAt = new Date().toISOString();
  for (const entry of entries) {
    if ((await readEntry(context, entry))?.handedOverAt === undefined) {
      await amendEntry(context, entry, { handedOverAt });
    }
  }
  await ec2.send(new CreateTagsCommand({ Resources, Tags: [{ Key: TAG.role, Value: 'result' }] }));
  await ec2.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: TAG.expires }] }));
  return Resources;
}
