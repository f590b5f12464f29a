import { CreateTagsCommand, DeleteTagsCommand } from '@aws-sdk/client-ec2';
import { TAG } from '../../core/model/restore-record.ts';
import { ec2 } from '../runtime/ec2.ts';
import { amendEntry, type EntryName, readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';

/**
 * Turns target and volumes from temporary things into the result: from here on nothing of them is ever undone.
 * The ledger first, then the tags: clean-up deletes only what both call temporary, so being cut off between the
 * two leaves everything in place.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const results: EntryName[] = [
    { kind: 'instance', name: 'target' },
    ...plan.disks.map(({ id }) => ({ kind: 'volume', name: id }) as const),
  ];
  const Resources = await Promise.all(results.map((entry) => resourceOf(context, entry)));
  const handedOverAt = new Date().toISOString();
  for (const entry of results) await amendEntry(context, entry, { handedOverAt });
  await ec2.send(new CreateTagsCommand({ Resources, Tags: [{ Key: TAG.role, Value: 'result' }] }));
  await ec2.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: TAG.expires }] }));
  return { instanceId: Resources[0], volumeIds: Resources.slice(1) };
});
