import { StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { Command } from 'commander';
import type { Claim } from '../../core/model/restore-record.ts';
import { type Connection, withConnection } from '../connection/connection.ts';
import { BadRequest } from '../errors.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { readFlags } from '../program-flags.ts';
import { type FoundRestore, findRestore } from '../restore/find-restore.ts';

const EXAMPLES = `
Examples:
  $ landfall cancel restore-20260131T080000Z-3f2a

What the restore has made until then is removed by the stack's clean-up; "landfall show" tells what that did.
Where a restore has ended and its clean-up has not, the clean-up is started again.`;

/** `landfall cancel`: ends a restore that is under way, or has one that has ended cleaned up. */
export function makeCancelCommand(host: Host): Command {
  return new Command('cancel')
    .summary('end a restore that is under way')
    .description('Ends a restore that is under way; what it has made is cleaned up.')
    .argument('<restore>', 'restoreId, or an execution by name or ARN')
    .addHelpText('after', EXAMPLES)
    .action(async (restore: string, _options, command: Command) => {
      const { global } = readFlags(command, { host, shape: {} });
      await withConnection({ host, flags: global }, async (connection) => {
        const found = await findRestore(connection, restore);
        const { restoreId } = found;
        const executionArn = await cancel(connection, found);
        if (global.json) printJson(host, { restoreId, executionArn, cancelled: true });
        else if (found.execution?.status === 'RUNNING')
          printLine(host, `Restore ${restoreId} is cancelled; clean-up of what it made has been started.`);
        else printLine(host, `Restore ${restoreId} has ended; its clean-up has been started again.`);
      });
    });
}

/** Ends the execution, or cleans up after one that has ended and was not cleaned up after. @throws BadRequest */
async function cancel(connection: Connection, found: FoundRestore): Promise<string> {
  const { restoreId, execution } = found;
  if (execution?.status === 'RUNNING') {
    const stop = { executionArn: execution.arn, error: 'Cancelled', cause: 'landfall cancel' };
    await connection.sfn.send(new StopExecutionCommand(stop));
    return execution.arn;
  }
  const claim = await found.records.claim(restoreId);
  const isOpen = claim !== undefined && claim.attempt === found.attempt?.attempt && claim.state !== 'closed';
  if (!isOpen) {
    throw new BadRequest(
      `the restore ${restoreId} is not under way: ${execution?.status ?? 'Step Functions has forgotten it'}`,
      `"landfall show ${restoreId}" tells what became of it.`,
    );
  }
  await startCleanUp(connection, claim, execution?.status ?? 'FAILED');
  return claim.executionArn;
}

/** What EventBridge does when an execution has ended without cleaning up after itself. */
async function startCleanUp(
  { sfn, stackOutputs }: Connection,
  { restoreId, executionArn }: Claim,
  status: string,
): Promise<void> {
  const name = executionArn.split(':').at(-1);
  const detail = { executionArn, name, input: JSON.stringify({ restoreId }), status };
  const stateMachineArn = (await stackOutputs()).get('CleanUpStateMachineArn');
  await sfn.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ detail }) }));
}
