import { DescribeImagesCommand, type Image } from '@aws-sdk/client-ec2';
import type { LaunchImage } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { describeImage } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { Workload } from './facts.ts';
import type { Findings } from './findings.ts';

/** EC2's billing code of plain Linux: no licence is billed with the instance. */
const PLAIN_LINUX = 'RunInstances';

/**
 * Chooses what the target is launched from. RunInstances always needs an image; the instance keeps its billing
 * code, architecture and boot mode for life, so the image must equal the source in them.
 */
export async function chooseLaunchImage(
  workload: Workload,
  request: RestoreRequest,
  findings: Findings,
): Promise<LaunchImage | undefined> {
  const usageOperation = billingCode(workload, findings);
  if (usageOperation === undefined) return undefined;
  const asked = request.target.imageId;
  if (asked !== undefined) return askedImage(asked, { workload, usageOperation, findings });
  if (usageOperation === PLAIN_LINUX) return blankImage(workload);
  return (
    (await sourceImage(workload, usageOperation)) ??
    (await amazonImage(workload, usageOperation)) ??
    noImage(workload, usageOperation, findings)
  );
}

function billingCode(workload: Workload, findings: Findings): string | undefined {
  if (workload.usageOperation !== undefined) return workload.usageOperation;
  if (workload.platform === 'linux') {
    findings.warning(
      'restorePoint',
      workload.name,
      'the restore point does not say how the machine was billed (usageOperation); plain Linux is assumed',
      'If it ran RHEL, SUSE or SQL Server, back it up with --usage-operation or give target.imageId of the same kind',
    );
    return PLAIN_LINUX;
  }
  findings.error(
    'restorePoint',
    workload.name,
    'the restore point does not say how the Windows machine was billed (usageOperation)',
    'Back it up with --usage-operation, e.g. RunInstances:0002 for Windows Server',
  );
  return undefined;
}

/** A temporary image registered from an empty snapshot: it fits exactly, and runs no foreign code. */
function blankImage(workload: Workload): LaunchImage {
  const { architecture, bootMode, uefiData, tpmSupport, source, rootDeviceName } = workload;
  return {
    kind: 'blank',
    reason: 'plain Linux: a temporary image with the source’s own attributes fits exactly',
    architecture,
    ...(bootMode === undefined ? {} : { bootMode }),
    ...(uefiData === undefined ? {} : { uefiData }),
    ...(tpmSupport === undefined ? {} : { tpmSupport }),
    // Nitro types refuse an image without ENA; a system that lacks the driver does not run on them anyway.
    enaSupport: source?.enaSupport ?? true,
    ...(source?.sriovNetSupport === undefined ? {} : { sriovNetSupport: source.sriovNetSupport }),
    rootDeviceName: rootDeviceName ?? '/dev/sda1',
  };
}

async function askedImage(
  imageId: string,
  { workload, usageOperation, findings }: { workload: Workload; usageOperation: string; findings: Findings },
): Promise<LaunchImage | undefined> {
  const image = await describeImage({ id: imageId });
  if (!image) {
    findings.error(
      'target.imageId',
      imageId,
      'no such image can be launched here',
      'Give an available image, or leave it out',
    );
    return undefined;
  }
  const misfit = whyNotFit(image, workload, usageOperation);
  if (misfit !== undefined) {
    findings.error(
      'target.imageId',
      imageId,
      misfit,
      'Give an image that equals the source in this, or leave it out',
    );
    return undefined;
  }
  return existing(image, 'the request names it');
}

async function sourceImage(workload: Workload, usageOperation: string): Promise<LaunchImage | undefined> {
  const imageId = workload.source?.imageId;
  const image = imageId === undefined ? undefined : await describeImage({ id: imageId });
  if (!image || whyNotFit(image, workload, usageOperation) !== undefined) return undefined;
  return existing(image, 'the source instance was launched from it');
}

async function amazonImage(workload: Workload, usageOperation: string): Promise<LaunchImage | undefined> {
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({
      Owners: ['amazon'],
      Filters: [
        { Name: 'usage-operation', Values: [usageOperation] },
        { Name: 'architecture', Values: [workload.architecture] },
        { Name: 'state', Values: ['available'] },
      ],
    }),
  );
  const newest = Images.filter((image) => whyNotFit(image, workload, usageOperation) === undefined).sort(
    (a, b) => (b.CreationDate ?? '').localeCompare(a.CreationDate ?? ''),
  )[0];
  return (
    newest && existing(newest, 'the newest Amazon image of the same billing, architecture and boot mode')
  );
}

function noImage(workload: Workload, usageOperation: string, findings: Findings): undefined {
  findings.error(
    'target.imageId',
    'nothing',
    `no image was found with billing ${usageOperation}, architecture ${workload.architecture} and boot mode ${workload.bootMode ?? 'unspecified'}`,
    'Give target.imageId of such an image',
  );
  return undefined;
}

function whyNotFit(image: Image, workload: Workload, usageOperation: string): string | undefined {
  if (image.State !== 'available') return `its state is ${image.State}`;
  if (image.RootDeviceType !== 'ebs') return `its root device type is ${image.RootDeviceType}, not ebs`;
  if (image.VirtualizationType !== 'hvm')
    return `its virtualization type is ${image.VirtualizationType}, not hvm`;
  if (image.Architecture !== workload.architecture) {
    return `its architecture is ${image.Architecture}, the machine’s is ${workload.architecture}`;
  }
  if ((image.UsageOperation ?? PLAIN_LINUX) !== usageOperation) {
    return `its billing code is ${image.UsageOperation}, the machine’s is ${usageOperation}`;
  }
  if (workload.bootMode !== undefined && !bootsAlike(image, workload.bootMode)) {
    return `its boot mode is ${image.BootMode ?? 'unspecified'}, the machine’s is ${workload.bootMode}`;
  }
  if ((image.TpmSupport ?? undefined) !== workload.tpmSupport) {
    return `its TPM support is ${image.TpmSupport ?? 'none'}, the machine’s is ${workload.tpmSupport ?? 'none'}`;
  }
  return undefined;
}

// An image without a boot mode starts as its architecture does by default: legacy BIOS on x86, UEFI on Arm.
function bootsAlike({ BootMode, Architecture }: Image, mode: string): boolean {
  return mode === (BootMode ?? (Architecture === 'arm64' ? 'uefi' : 'legacy-bios'));
}

function existing(image: Image, reason: string): LaunchImage {
  const rootDeviceName = image.RootDeviceName ?? '/dev/sda1';
  const otherDeviceNames = (image.BlockDeviceMappings ?? [])
    .map(({ DeviceName }) => DeviceName)
    .filter((name) => name !== undefined && name !== rootDeviceName)
    .map(String);
  return { kind: 'existing', imageId: image.ImageId ?? '', reason, rootDeviceName, otherDeviceNames };
}
