import { createHash } from 'node:crypto';
import { CreateVolumeCommand, type CreateVolumeCommandInput } from '@aws-sdk/client-ec2';
import { AwsRefused, InsufficientCapacity, nameAwsError, QuotaReached } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { amendEntry, type EntryName, type RestoreContext, readEntry } from '../../runtime/ledger.ts';

export interface FromSnapshotOptions {
  readonly context: RestoreContext;
  /** The volume's, as an intent by now. */
  readonly entry: EntryName;
  /** MiB/s. */
  readonly initializationRate: number | undefined;
}

/**
 * Creates a volume from a snapshot, with the initialisation rate that was asked for, else without: EC2 refuses one for
 * which the Region's quota or its room is used up, with an error code that is not documented. The disk comes back all
 * the same, only slower at first, and its ledger entry says why.
 */
export async function createFromSnapshot(
  settings: CreateVolumeCommandInput,
  { context, entry, initializationRate }: FromSnapshotOptions,
): Promise<string> {
  if (initializationRate === undefined) return await create(settings);
  // What an earlier try has settled stays so, or its volume and this one's would both be made.
  if ((await readEntry(context, entry))?.note === undefined) {
    try {
      return await create({ ...settings, VolumeInitializationRate: initializationRate });
    } catch (error) {
      const refusal = nameAwsError(error);
      if (!isAboutSettings(refusal)) throw error;
      const note = `made without the initialisation rate of ${initializationRate} MiB/s, which EC2 refused (${refusal.message})`;
      await amendEntry(context, entry, { note });
    }
  }
  return await create({ ...settings, ClientToken: otherToken(settings.ClientToken) });
}

const create = async (settings: CreateVolumeCommandInput): Promise<string> =>
  (await ec2.send(new CreateVolumeCommand(settings))).VolumeId ?? '';

/** Not a snapshot or a permission that is not visible yet: for these the same call is tried again. */
const isAboutSettings = (error: unknown): error is Error =>
  error instanceof AwsRefused || error instanceof QuotaReached || error instanceof InsufficientCapacity;

// With the first one EC2 would take it for the first call, made again with other parameters.
const otherToken = (token = ''): string => createHash('sha256').update(`${token}/without rate`).digest('hex');
