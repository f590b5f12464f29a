import { Command } from 'commander';
import { z } from 'zod';
import { withConnection } from '../connection/connection.ts';
import { EXIT } from '../errors.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { readFlags } from '../program-flags.ts';
import { describePlan } from '../restore/describe-plan.ts';
import { mergeRestoreRequest } from '../restore/request-flags.ts';
import {
  addRequestOptions,
  pointShape,
  readRequestFile,
  requestShape,
  requireRepositoryInS3,
} from '../restore/request-options.ts';
import { runPlan } from '../restore/run-plan.ts';
import { onlyRestorePoint } from '../restore/start-and-follow.ts';
import { parsePointFlags } from '../select-restore-point.ts';

const EXAMPLES = `
Examples:
  # what a restore would do, how long it would take and what it would cost, by each strategy
  $ landfall plan --workload web01 --subnet subnet-0b9c8d7e6f5a41302

  # everything that is wrong with a request, at once
  $ landfall plan --request restore.json --json

Nothing is created and nothing is claimed. Ends with 0 where a restore would start, with 2 where it would be refused.`;

const flagShape = { ...requestShape, ...pointShape };

/** `landfall plan`: what a restore would do, and everything that keeps it from that. */
export function makePlanCommand(host: Host): Command {
  const command = new Command('plan')
    .summary('tell what a restore would do, take and cost, and what is wrong with it')
    .description(
      'Tells what a restore with the same flags would do: problems, time, cost, and everything it would make.',
    );
  return addRequestOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (_options, self: Command) => {
      const { global, own } = readFlags(self, { host, shape: flagShape });
      requireRepositoryInS3(own.repository, host);
      const file = await readRequestFile(own.request, host);
      const merged = mergeRestoreRequest({ file, flags: own, choice: parsePointFlags(own) });
      const report = await withConnection({ host, flags: global }, async (connection) => {
        const request = merged.pointIsOpen
          ? withPoint(merged.input, await onlyRestorePoint(connection, repositoryOf(merged.input)))
          : merged.input;
        return await runPlan(connection, { host, request });
      });
      if (global.json) printJson(host, report);
      else for (const line of describePlan(report)) printLine(host, line);
      if (!report.possible) host.exitCode = EXIT.badRequest;
    });
}

const objectSchema = z.looseObject({
  repository: z.string().startsWith('s3://').optional().catch(undefined),
});

/** What else is wrong with the request is for the plan to say. */
const repositoryOf = (input: unknown): string | undefined => objectSchema.safeParse(input).data?.repository;

const withPoint = (input: unknown, restorePoint: unknown): unknown =>
  typeof input === 'object' ? { ...input, restorePoint } : input;
