import { ModifyInstanceAttributeCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';

/** Sets which volumes end with the instance, as at the source: attached later, they would all outlive it. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const { disks } = await readPlan(context);
  const InstanceId = await resourceOf(context, { kind: 'instance', name: 'target' });
  await ec2.send(
    new ModifyInstanceAttributeCommand({
      InstanceId,
      BlockDeviceMappings: disks.map(({ deviceName, deleteOnTermination }) => ({
        DeviceName: deviceName,
        Ebs: { DeleteOnTermination: deleteOnTermination },
      })),
    }),
  );
  return { instanceId: InstanceId };
});
