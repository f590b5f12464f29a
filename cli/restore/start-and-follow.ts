import { randomBytes } from 'node:crypto';
import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { RestoreRequestInput } from '../../core/model/request.ts';
import { openRepository } from '../../core/repository/index.ts';
import { type Connection, withConnection } from '../connection/connection.ts';
import { BadRequest, CommandError, NotGood } from '../errors.ts';
import { type Host, printJson, printLine, printNote } from '../host.ts';
import { type GlobalFlags, showsProgress } from '../program-flags.ts';
import { makeStore, parseRepositoryLocation } from '../repository-location.ts';
import { onlyWorkload } from '../select-restore-point.ts';
import { describeFollowed, errorOf, type RestoreStory } from './describe-restore.ts';
import { openRecords } from './find-restore.ts';
import { followRestore } from './follow.ts';
import type { RestoreRecords } from './records.ts';
import type { UnresolvedRequest } from './request-flags.ts';

/** The restore did not succeed. */
export class RestoreFailed extends CommandError {
  override readonly name = 'RestoreFailed';
}

/** StartExecution did not say what it has started. */
export class StartUnconfirmed extends CommandError {
  override readonly name = 'StartUnconfirmed';
}

export interface RestoreRun {
  readonly host: Host;
  readonly flags: GlobalFlags;
  readonly unresolved: UnresolvedRequest;
  /** Whether to follow it to its end. */
  readonly wait: boolean;
}

export interface StartedRestore {
  readonly restoreId: string;
  readonly executionArn: string;
}

/** Starts a restore and, if asked, follows it to its end. @throws BadRequest, RestoreFailed, NotGood, Interrupted */
export async function startAndFollow({ host, flags, unresolved, wait }: RestoreRun): Promise<void> {
  await withConnection({ host, flags }, async (connection) => {
    if (!wait && connection.runsHere) {
      throw new BadRequest(
        '--no-wait would end the restore with this command, which runs the local region itself',
        'Start "landfall local" in another terminal first, or follow the restore.',
      );
    }
    const records = await openRecords(connection);
    const input = await resolveRequest(connection, unresolved);
    const started = await startRestore(connection, { records, input });
    announce(host, { started, json: flags.json });
    if (!wait) return;
    const story = await followRestore({
      ...started,
      connection,
      records,
      host,
      json: flags.json,
      showsProgress: showsProgress(flags),
    });
    if (flags.json)
      printJson(host, { event: 'ended', ...started, result: story.result, error: errorOf(story) });
    else for (const line of describeFollowed(story)) printLine(host, line);
    requireSuccess(story);
  });
}

/** Names the machine where the request left that open. */
async function resolveRequest(
  connection: Connection,
  { input, pointIsOpen }: UnresolvedRequest,
): Promise<RestoreRequestInput> {
  if (!pointIsOpen) return input;
  return { ...input, restorePoint: await onlyRestorePoint(connection, input.repository) };
}

/** The latest restore point of a repository that holds those of one machine only. @throws BadRequest */
export async function onlyRestorePoint(
  connection: Connection,
  repositoryUrl: string | undefined,
): Promise<RestoreRequestInput['restorePoint']> {
  const location = parseRepositoryLocation(repositoryUrl, '/');
  if (location.kind === 'folder')
    throw new BadRequest(`${location.folder} is not in S3`, 'Use s3://bucket/prefix.');
  const repository = await openRepository(await makeStore(connection, location));
  return { workload: await onlyWorkload(repository), at: 'latest' };
}

/**
 * Starts the execution `<restoreId>-<attempt>`: a closed execution's name stays taken for 90 days, so every
 * further try of the same restore has the next number. @throws BadRequest, StartUnconfirmed
 */
export async function startRestore(
  connection: Connection,
  { records, input }: { records: RestoreRecords; input: RestoreRequestInput },
): Promise<StartedRestore> {
  const restoreId = input.restoreId ?? madeUpRestoreId(new Date());
  const claim = input.restoreId === undefined ? undefined : await records.claim(restoreId);
  const outputs = await connection.stackOutputs();
  const first = (claim?.attempt ?? 0) + 1;
  // An attempt that was refused before it claimed the restore has used up its name, but counts nowhere.
  for (let attempt = first; attempt < first + 20; attempt += 1) {
    try {
      const { executionArn } = await connection.sfn.send(
        new StartExecutionCommand({
          stateMachineArn: outputs.get('RestoreStateMachineArn'),
          name: `${restoreId}-${attempt}`,
          input: JSON.stringify({ ...input, restoreId }),
        }),
      );
      if (executionArn !== undefined) return { restoreId, executionArn };
      throw new StartUnconfirmed(
        `Step Functions named no execution when it was asked to start the restore ${restoreId}`,
        `"landfall show ${restoreId}-${attempt}" tells whether it has started.`,
      );
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ExecutionAlreadyExists') throw error;
    }
  }
  throw new BadRequest(`the restore ${restoreId} was tried too often`, 'Choose another --restore-id.');
}

/** `restore-20260131T080000Z-3f2a`: sorts by time; the end keeps two of one second apart. */
function madeUpRestoreId(now: Date): string {
  const moment = now.toISOString().replace(/[-:]|\.\d+/g, '');
  return `restore-${moment}-${randomBytes(2).toString('hex')}`;
}

function announce(host: Host, { started, json }: { started: StartedRestore; json: boolean }): void {
  if (json) {
    printJson(host, { event: 'started', time: new Date().toISOString(), ...started });
    return;
  }
  printNote(host, `Restore ${started.restoreId} is under way (${started.executionArn}).`);
}

/** @throws RestoreFailed, BadRequest */
export function requireRestored(story: RestoreStory): void {
  const { restoreId, execution } = story;
  const show = `"landfall show ${restoreId}" tells the whole story; "landfall restore --restore-id ${restoreId} …" tries again.`;
  if (execution?.status !== 'SUCCEEDED') {
    const error = errorOf(story);
    // What the plan refuses has created nothing: the request was wrong, the restore did not fail.
    if (error?.name === 'BadRequest') throw new BadRequest(error.cause, 'Mend that and start it again.');
    const why = error === undefined ? 'no reason is known' : `${error.name}: ${error.cause}`;
    const what = execution?.status === 'ABORTED' ? 'was cancelled' : 'failed';
    throw new RestoreFailed(`the restore ${restoreId} ${what}: ${why}`, show);
  }
}

/** @throws RestoreFailed, BadRequest; NotGood where the machine is restored but does not run as was asked */
export function requireSuccess(story: RestoreStory): void {
  requireRestored(story);
  const instance = story.result?.instance;
  if (instance?.startProblem !== undefined) {
    throw new NotGood(
      `the machine is restored as ${instance.instanceId}, but ${instance.startProblem}`,
      instance.started === 'running'
        ? `Look at its console: aws ec2 get-console-output --latest --instance-id ${instance.instanceId}`
        : `Start it when that is mended: aws ec2 start-instances --instance-ids ${instance.instanceId}`,
    );
  }
}
