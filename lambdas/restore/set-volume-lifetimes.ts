import { ModifyInstanceAttributeCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';
import { targetInstance } from './target/planned.ts';

/** Sets which volumes end with the instance, as at the source: attached later, they would all outlive it. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const InstanceId = await targetInstance(context, plan);
  await ec2.send(
    new ModifyInstanceAttributeCommand({
      InstanceId,
      BlockDeviceMappings: plan.disks.map(({ deviceName, deleteOnTermination }) => ({
        DeviceName: deviceName,
        Ebs: { DeleteOnTermination: deleteOnTermination },
      })),
    }),
  );
  return { instanceId: InstanceId };
});
