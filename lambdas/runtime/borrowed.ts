import { CreateTagsCommand, DeleteTagsCommand, type Tag } from '@aws-sdk/client-ec2';
import type { PlannedOriginal } from '../../core/model/plan.ts';
import { ORIGINAL_TAG } from '../../core/model/restore-record.ts';
import { describeInstance, describeVolumes } from './describe.ts';
import { ec2 } from './ec2.ts';
import type { RestoreContext } from './ledger.ts';

/** Tags that stay, by the id of what is given back. */
export type LastingTags = ReadonlyMap<string, Tag[]>;

/**
 * Takes the tag off the original instance and its volumes by which a restore has borrowed them, and leaves others there
 * where some are to stay. What does not carry it any more was given back by an earlier try, and is left alone.
 */
export async function giveBack(
  { restoreId }: RestoreContext,
  { instanceId, replaced }: PlannedOriginal,
  lasting: LastingTags = new Map(),
): Promise<void> {
  const instance = await describeInstance({ id: instanceId });
  const ids = replaced.map(({ volumeId }) => volumeId);
  const volumes = ids.length === 0 ? [] : [...(await describeVolumes(ids))];
  const tags: [string, Tag[] | undefined][] = [
    [instanceId, instance?.Tags],
    ...volumes.map(([id, { Tags }]): [string, Tag[] | undefined] => [id, Tags]),
  ];
  const borrowed = tags.filter(([, each]) =>
    each?.some(({ Key, Value }) => Key === ORIGINAL_TAG.borrowedBy && Value === restoreId),
  );
  for (const [id] of borrowed) {
    const Tags = lasting.get(id);
    if (Tags) await ec2.send(new CreateTagsCommand({ Resources: [id], Tags }));
  }
  const Resources = borrowed.map(([id]) => id);
  if (Resources.length === 0) return;
  await ec2.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: ORIGINAL_TAG.borrowedBy }] }));
}
