import type { Estimate } from '../../../core/model/estimate.ts';
import type { Bytes } from '../../../core/model/ids.ts';
import type { Manifest } from '../../../core/model/manifest.ts';
import type { Conversion, PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { temporaryBucketName } from '../../../core/model/temporary-bucket.ts';
import { environment } from '../../runtime/step.ts';
import { fieldOf } from './disks.ts';
import { estimateOfUpload } from './estimates.ts';
import type { Findings } from './findings.ts';
import { checkImportTasks } from './import-quota.ts';

// ImportSnapshot takes disk images of less than 8 TiB without a manifest file (VM Import/Export User Guide).
const UPLOAD_LIMIT_BYTES = 8 * 1024 ** 4;
// S3's limits for a multipart upload.
const MAX_PARTS = 10_000;
const MIN_PART_BYTES = 5 * 1024 ** 2;
// One batch is one Lambda run: 16 GiB take under four minutes at a Lambda's 75 MiB/s, of its fifteen.
const MAX_BATCH_BYTES = 16 * 1024 ** 3;
// Fewer segments in a batch where the disk is small, so that many Lambdas share even a small disk.
const WANTED_BATCHES = 32;

type DiskUpload = NonNullable<PlannedDisk['upload']>;
type UploadStrategy = Extract<PlannedStrategy, { name: 'upload' }>;

const isTooLargeToUpload = ({ size }: Pick<PlannedDisk, 'size'>): boolean => size >= UPLOAD_LIMIT_BYTES;

interface UploadPlan {
  readonly disks: readonly PlannedDisk[];
  readonly estimate: Estimate;
  readonly strategy: (chosen: { restoreId: string; attempt: number; reason: string }) => UploadStrategy;
}

/** Decides how the disks are uploaded; the findings say where that is not possible. */
export async function planUpload({
  request,
  manifest,
  disks,
  conversion,
  findings,
}: {
  readonly request: RestoreRequest;
  readonly manifest: Manifest;
  readonly disks: readonly PlannedDisk[];
  readonly conversion?: Conversion;
  readonly findings: Findings;
}): Promise<UploadPlan> {
  const uploaded = planUploads(disks, request, findings);
  const imported = conversion?.kind === 'import-image' ? conversion.diskIds.length : 0;
  // One for each disk, but one for all that become the image together.
  await checkImportTasks(disks.length - imported + Math.min(1, imported), findings);
  return {
    disks: uploaded,
    estimate: estimateOfUpload(uploaded, { request, manifest, ...(conversion ? { conversion } : {}) }),
    strategy: (chosen) => planUploadStrategy(uploaded, chosen),
  };
}

/** Adds to every disk how it is uploaded. */
function planUploads(
  disks: readonly PlannedDisk[],
  request: RestoreRequest,
  findings: Findings,
): PlannedDisk[] {
  return disks.map((disk) => {
    if (isTooLargeToUpload(disk)) {
      findings.error(
        fieldOf(request, disk.id),
        `${disk.size} bytes`,
        'strategy upload takes disks of less than 8 TiB (the limit of ImportSnapshot)',
        'Use strategy helper',
      );
    }
    return { ...disk, upload: { objectKey: `disks/${disk.id}.raw`, ...planParts(disk) } };
  });
}

/** What it needs besides the disks; the bucket's name is the attempt's own. */
function planUploadStrategy(
  disks: readonly PlannedDisk[],
  { restoreId, attempt, reason }: { restoreId: string; attempt: number; reason: string },
): UploadStrategy {
  const { ACCOUNT_ID: accountId, AWS_REGION: region } = environment();
  return {
    name: 'upload',
    reason,
    temporaryBucket: temporaryBucketName({ restoreId, attempt }, { accountId, region }),
    zeroObjectBytes: largestPartBytes(disks),
  };
}

/** Splits a disk into upload parts and batches of them. */
export function planParts({
  segmentCount,
  segmentBytes,
}: Pick<PlannedDisk, 'segmentCount' | 'segmentBytes'>): Pick<DiskUpload, 'partSegments' | 'batchSegments'> {
  const partSegments = Math.max(
    Math.ceil(segmentCount / MAX_PARTS),
    Math.ceil(MIN_PART_BYTES / segmentBytes),
  );
  const parts = Math.ceil(segmentCount / partSegments);
  const mostParts = Math.max(1, Math.floor(MAX_BATCH_BYTES / (partSegments * segmentBytes)));
  const batchParts = Math.min(mostParts, Math.ceil(parts / WANTED_BATCHES));
  return { partSegments, batchSegments: batchParts * partSegments };
}

/** Size of the largest part of any disk: what the all-zero object must hold. */
function largestPartBytes(disks: readonly PlannedDisk[]): Bytes {
  const sizes = disks.map(({ upload, segmentBytes, size }) =>
    Math.min((upload?.partSegments ?? 0) * segmentBytes, size),
  );
  return Math.max(...sizes) as Bytes;
}
