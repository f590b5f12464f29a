import { CreateTagsCommand } from '@aws-sdk/client-ec2';
import { ORIGINAL_TAG } from '../../core/model/restore-record.ts';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';
import { originalAsPlanned } from './original/as-planned.ts';
import { plannedOriginal } from './target/planned.ts';

/**
 * Tags the original instance, and those of its volumes that are to be replaced, as borrowed: what carries this tag is
 * all that later steps may stop, detach and attach, and no other restore takes it.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const original = plannedOriginal(await readPlan(context));
  const { instanceId, replaced } = original;
  await makeOnce({
    context,
    entry: { kind: 'original', name: 'target' },
    step: 'claim-original',
    create: async () => {
      await originalAsPlanned(original, context.restoreId);
      await ec2.send(
        new CreateTagsCommand({
          Resources: [instanceId, ...replaced.map(({ volumeId }) => volumeId)],
          Tags: [{ Key: ORIGINAL_TAG.borrowedBy, Value: context.restoreId }],
        }),
      );
      return instanceId;
    },
  });
  return { instanceId };
});
