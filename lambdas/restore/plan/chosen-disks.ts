import type { Manifest } from '../../../core/model/manifest.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import type { Findings } from './findings.ts';
import { isStandInDisk } from './read-request.ts';

/**
 * The restore point as far as it is restored: without the disks that the request leaves out. Where it may not leave
 * them out they stay, so that everything else about the request is looked at.
 */
export function withoutExcludedDisks(
  manifest: Manifest,
  request: RestoreRequest,
  findings: Findings,
): Manifest {
  checkDiskNames(manifest, request, findings);
  const excluded = new Set<string>(request.disks.filter(({ exclude }) => exclude).map(({ id }) => id));
  const kept = manifest.disks.filter((disk) => !excluded.has(disk.id) || isNeeded(disk, request, findings));
  if (kept.length > 0) return { ...manifest, disks: kept };
  findings.error('disks', 'exclude', 'every disk is left out', 'Leave at least one in');
  return manifest;
}

function isNeeded(
  { id, boot }: Manifest['disks'][number],
  request: RestoreRequest,
  findings: Findings,
): boolean {
  if (!boot || request.restoreTo === 'volumes') return false;
  const index = request.disks.findIndex((disk) => disk.id === id);
  findings.error(
    `disks[${index}].exclude`,
    true,
    'it is the boot disk, without which no instance starts',
    'Leave it in, or give restoreTo "volumes"',
  );
  return true;
}

function checkDiskNames({ disks }: Manifest, request: RestoreRequest, findings: Findings): void {
  const known = disks.map(({ id }) => id);
  for (const [index, { id }] of request.disks.entries()) {
    if (isStandInDisk(id) || known.some((knownId) => knownId === id)) continue;
    findings.error(
      `disks[${index}].id`,
      id,
      'the restore point has no such disk',
      `It has ${known.join(', ')}`,
    );
  }
}
