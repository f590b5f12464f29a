import { Command } from 'commander';
import { withConnection } from '../connection/connection.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { readFlags } from '../program-flags.ts';
import { describeRestore, errorOf, type RestoreStory } from '../restore/describe-restore.ts';
import { type FoundRestore, findRestore } from '../restore/find-restore.ts';
import { makeHelperObserver } from '../restore/observe-helper.ts';

const EXAMPLES = `
Examples:
  $ landfall show restore-20260131T080000Z-3f2a
  $ landfall show arn:aws:states:us-east-1:123456789012:execution:LandfallRestore:web01-1 --json`;

/** `landfall show`: what happened in a restore, while it runs and afterwards. */
export function makeShowCommand(host: Host): Command {
  return new Command('show')
    .summary('tell what happened in a restore')
    .description(
      'Tells what happened in a restore: phases, helper appliance, instance, volumes, errors, what was cleaned up.',
    )
    .argument('<restore>', 'restoreId (then its latest attempt), or an execution by name or ARN')
    .addHelpText('after', EXAMPLES)
    .action(async (restore: string, _options, command: Command) => {
      const { global } = readFlags(command, { host, shape: {} });
      const story = await withConnection({ host, flags: global }, async (connection) =>
        tellStory(await findRestore(connection, restore)),
      );
      if (global.json) printJson(host, { ...story, error: errorOf(story) });
      else for (const line of describeRestore(story)) printLine(host, line);
    });
}

async function tellStory({ records, restoreId, attempt, execution }: FoundRestore): Promise<RestoreStory> {
  if (attempt === undefined) return { restoreId, execution, entries: [] };
  const [claim, plan, entries, result] = await Promise.all([
    records.claim(restoreId),
    records.plan(attempt),
    records.ledger(attempt),
    records.result(attempt),
  ]);
  const claimState = claim?.attempt === attempt.attempt ? claim.state : undefined;
  const helper =
    plan && result === undefined ? await makeHelperObserver(records)({ plan, entries }) : undefined;
  const helperReport = helper?.report;
  return { restoreId, attempt: attempt.attempt, execution, plan, entries, result, helperReport, claimState };
}
