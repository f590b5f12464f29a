import { StopExecutionCommand } from '@aws-sdk/client-sfn';
import { Command } from 'commander';
import { withConnection } from '../connection/connection.ts';
import { BadRequest } from '../errors.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { readFlags } from '../program-flags.ts';
import { findRestore } from '../restore/find-restore.ts';

const EXAMPLES = `
Examples:
  $ landfall cancel restore-20260131T080000Z-3f2a

What the restore has made until then is removed by the stack's clean-up; "landfall show" tells what that did.`;

/** `landfall cancel`: ends a restore that is under way. */
export function makeCancelCommand(host: Host): Command {
  return new Command('cancel')
    .summary('end a restore that is under way')
    .description('Ends a restore that is under way; what it has made is cleaned up.')
    .argument('<restore>', 'restoreId, or an execution by name or ARN')
    .addHelpText('after', EXAMPLES)
    .action(async (restore: string, _options, command: Command) => {
      const { global } = readFlags(command, { host, shape: {} });
      await withConnection({ host, flags: global }, async (connection) => {
        const { restoreId, execution } = await findRestore(connection, restore);
        if (execution?.status !== 'RUNNING') {
          throw new BadRequest(
            `the restore ${restoreId} is not under way: ${execution?.status ?? 'Step Functions has forgotten it'}`,
            `"landfall show ${restoreId}" tells what became of it.`,
          );
        }
        const stop = { executionArn: execution.arn, error: 'Cancelled', cause: 'landfall cancel' };
        await connection.sfn.send(new StopExecutionCommand(stop));
        if (global.json) printJson(host, { restoreId, executionArn: execution.arn, cancelled: true });
        else printLine(host, `Restore ${restoreId} is cancelled; clean-up of what it made has been started.`);
      });
    });
}
