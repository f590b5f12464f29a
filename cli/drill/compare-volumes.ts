import { join } from 'node:path';
import { z } from 'zod';
import { CommandError } from '../errors.ts';
import { PROJECT_FOLDER } from '../project-folder.ts';
import { runProgram } from '../run-program.ts';

const PROGRAM = join(PROJECT_FOLDER, 'cli', 'drill', 'compare-disk.ts');

/** The comparison itself could not be made. */
export class ComparisonFailed extends CommandError {
  override readonly name = 'ComparisonFailed';
}

const comparisonSchema = z.object({
  equal: z.boolean(),
  problem: z.string().optional(),
  sourceBytes: z.number(),
  volumeBytes: z.number(),
  sourceSha256: z.string(),
  volumeSha256: z.string(),
  zeroTailBytes: z.number(),
  sourceInode: z.string(),
  volumeInode: z.string(),
});

export interface RestoredVolume {
  readonly diskId: string;
  readonly volumeId: string;
  /** File or device that was backed up. */
  readonly source: string;
  /** File that holds the volume's bytes in the local region. */
  readonly file: string;
}

export type ComparedVolume = RestoredVolume & z.output<typeof comparisonSchema>;

/** Comparing is reading and digesting: a process for each core is all that helps, and two are enough for a person. */
const AT_ONCE = 2;

/** Has separate processes compare restored volumes with their sources, byte by byte. @throws ComparisonFailed */
export async function compareVolumes(
  volumes: readonly RestoredVolume[],
  signal: AbortSignal,
): Promise<ComparedVolume[]> {
  const compared: ComparedVolume[] = [];
  const waiting = volumes.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [index, volume] of waiting) compared[index] = await compareVolume(volume, signal);
    }),
  );
  return compared;
}

async function compareVolume(volume: RestoredVolume, signal: AbortSignal): Promise<ComparedVolume> {
  const args = ['--disable-warning=ExperimentalWarning', PROGRAM, volume.source, volume.file];
  const { exitCode, stdout, stderr } = await runProgram(process.execPath, args, { signal });
  if (exitCode !== 0 && stdout === '') {
    throw new ComparisonFailed(
      `${volume.volumeId} (${volume.file}) could not be compared with ${volume.source}: ${stderr.trim()}`,
      'Compare the two files yourself: cmp, sha256sum.',
    );
  }
  return { ...volume, ...comparisonSchema.parse(JSON.parse(stdout)) };
}

/** What the comparison found, for people; the digests in full, so that sha256sum can confirm them. */
export function describeComparison(volume: ComparedVolume): string[] {
  const { diskId, volumeId, file, source, equal, problem, sourceBytes, zeroTailBytes } = volume;
  return [
    `${diskId}: ${volumeId} ${equal ? 'equals its source' : `DIFFERS from its source: ${problem}`}`,
    `  source   ${source}`,
    `           SHA-256 ${volume.sourceSha256}, ${sourceBytes} bytes, inode ${volume.sourceInode}`,
    `  volume   ${file}`,
    `           SHA-256 ${volume.volumeSha256} of its first ${sourceBytes} bytes, inode ${volume.volumeInode}`,
    ...(equal ? [`           then ${zeroTailBytes} bytes of zeros up to ${volume.volumeBytes} bytes`] : []),
  ];
}
