import { CreateTagsCommand, DeleteTagsCommand } from '@aws-sdk/client-ec2';
import type { Plan } from '../../core/model/plan.ts';
import { TAG } from '../../core/model/restore-record.ts';
import { describeInstance } from './describe.ts';
import { ec2 } from './ec2.ts';
import {
  amendEntry,
  type EntryName,
  type RestoreContext,
  readEntry,
  readPlan,
  resourceOf,
} from './ledger.ts';

const INSTANCE: EntryName = { kind: 'instance', name: 'target' };

/** What a restore leaves: the volume of every disk, and the target where it makes one. */
function resultEntries({ target, disks }: Plan): EntryName[] {
  const volumes = disks.map(({ id }): EntryName => ({ kind: 'volume', name: id }));
  return target.restoreTo === 'volumes' ? volumes : [INSTANCE, ...volumes];
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
  for (const entry of entries) {
    if ((await readEntry(context, entry))?.handedOverAt === undefined) {
      await amendEntry(context, entry, { handedOverAt });
    }
  }
  const instanceId = entries.includes(INSTANCE) ? await resourceOf(context, INSTANCE) : undefined;
  const tagged = [...Resources, ...(instanceId === undefined ? [] : await interfacesOf(instanceId))];
  await ec2.send(new CreateTagsCommand({ Resources: tagged, Tags: [{ Key: TAG.role, Value: 'result' }] }));
  await ec2.send(new DeleteTagsCommand({ Resources: tagged, Tags: [{ Key: TAG.expires }] }));
  return Resources;
}

/** The target's network interfaces: they carry its tags, and end with it. */
async function interfacesOf(instanceId: string): Promise<string[]> {
  const { NetworkInterfaces = [] } = (await describeInstance({ id: instanceId })) ?? {};
  return NetworkInterfaces.flatMap(({ NetworkInterfaceId }) => NetworkInterfaceId ?? []);
}
