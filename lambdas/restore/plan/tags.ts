import type { PlannedDisk } from '../../../core/model/plan.ts';
import { isReservedTag, type RestoreRequest } from '../../../core/model/request.ts';
import { ORIGIN_TAG, TAG } from '../../../core/model/restore-record.ts';
import type { Workload } from './facts.ts';
import type { Findings } from './findings.ts';

// Amazon EC2 User Guide, "Tag restrictions".
const MOST_TAGS = 50;
const OWN_TAGS = ['Name', ...Object.values(TAG), ...Object.values(ORIGIN_TAG)];
const INSTANCE_TAGS = MOST_TAGS - OWN_TAGS.filter((key) => key !== ORIGIN_TAG.disk).length;
const VOLUME_TAGS = MOST_TAGS - OWN_TAGS.length;

/** Tags of the source that may be given again. */
export const withoutReservedTags = (tags: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => !isReservedTag(key)));

/** Tags of the restored instance but for its name and those that every restore gives. */
export function instanceTags({ source }: Workload, { target }: RestoreRequest): Record<string, string> {
  const { Name, ...tags } = withoutReservedTags(source?.tags ?? {});
  return { ...tags, ...target.tags };
}

/** Holds the instance's tags against EC2's limits. */
export function checkInstanceTags(
  tags: Readonly<Record<string, string>>,
  { inMetadata, findings }: { inMetadata: boolean; findings: Findings },
): void {
  const keys = Object.keys(tags).filter((key) => key !== 'Name');
  if (keys.length > INSTANCE_TAGS) {
    findings.error(
      'target.tags',
      `${keys.length} tags with those of the source`,
      `EC2 takes ${MOST_TAGS} on a resource, of which the restore needs ${MOST_TAGS - INSTANCE_TAGS}`,
      `Give at most ${INSTANCE_TAGS} in all`,
    );
  }
  const bad = inMetadata ? keys.filter((key) => !isMetadataKey(key)) : [];
  if (bad.length > 0) {
    findings.error(
      'target.tags',
      bad.join(', '),
      'cannot be among the instance’s metadata: such keys hold letters, digits and + - = . , _ : @ only',
      'Rename them, or give target.metadataOptions.instanceMetadataTags "disabled"',
    );
  }
}

// Amazon EC2 User Guide, "View tags for your EC2 instances using instance metadata".
const isMetadataKey = (key: string): boolean =>
  /^[\p{L}\p{N}+=.,_:@-]+$/u.test(key) && !['.', '..', '_index'].includes(key);

/** Holds the volumes' tags against EC2's limit. */
export function checkVolumeTags(
  disks: readonly Pick<PlannedDisk, 'id' | 'tags'>[],
  findings: Findings,
): void {
  for (const { id, tags } of disks) {
    const count = Object.keys(tags).filter((key) => key !== 'Name').length;
    if (count <= VOLUME_TAGS) continue;
    findings.error(
      'target.tags',
      `${count} tags with those of the volume that disk ${id} was`,
      `EC2 takes ${MOST_TAGS} on a resource, of which the restore needs ${MOST_TAGS - VOLUME_TAGS}`,
      `Give at most ${VOLUME_TAGS} in all`,
    );
  }
}
