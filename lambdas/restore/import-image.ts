import { ImportImageCommand } from '@aws-sdk/client-ec2';
import { IMPORTED } from '../../core/model/restore-record.ts';
import { AwsRefused, nameAwsError } from '../runtime/aws-errors.ts';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { environment, makeStep } from '../runtime/step.ts';
import { diskContainers } from './import-image/containers.ts';
import { withAdvice } from './import-image/failures.ts';
import { plannedImport } from './import-image/planned.ts';

const entry = { kind: 'image-import-task', name: IMPORTED } as const;

/**
 * Asks VM Import to make an image of all disks together that boots on EC2: it gives the system drivers, boot loader and
 * licence. Together, so that what spans disks (LVM, mounts) is found.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const { platform, licenseType, bootMode, encrypted, kmsKeyId } = plannedImport(plan);
  const DiskContainers = await diskContainers(context, plan);
  const making = makeOnce({
    context,
    entry,
    step: 'import-image',
    create: async ({ clientToken, tags }) => {
      const { ImportTaskId } = await ec2.send(
        new ImportImageCommand({
          // The SDK fills no token in for this operation.
          ClientToken: clientToken,
          Description: `landfall restore ${plan.restoreId}`,
          Architecture: 'x86_64',
          // Without it AWS refuses snapshots of machines that boot by UEFI.
          Platform: platform === 'windows' ? 'Windows' : 'Linux',
          DiskContainers,
          RoleName: environment().IMPORT_ROLE_NAME,
          ...(licenseType === undefined ? {} : { LicenseType: licenseType }),
          ...(bootMode === undefined ? {} : { BootMode: bootMode }),
          ...(encrypted ? { Encrypted: true } : {}),
          ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId }),
          TagSpecifications: [{ ResourceType: 'import-image-task', Tags: tags }],
        }),
      );
      return ImportTaskId ?? '';
    },
  });
  const taskId = await making.catch((error: unknown) => {
    const named = nameAwsError(error);
    throw named instanceof AwsRefused ? new AwsRefused(withAdvice(named.message), { cause: error }) : error;
  });
  // Up to half an hour, when it has taken ten hours: each look is 9 of the 25,000 events of the execution's history.
  return { taskId, poll: firstPoll(30, 1_800) };
});
