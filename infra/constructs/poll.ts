import {
  Chain,
  Choice,
  Condition,
  Fail,
  type IChainable,
  Pass,
  Wait,
  WaitTime,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { pascalCase, type StepOptions, type Steps } from './steps.ts';

export interface PollOptions {
  /** The `check-…` step that looks. */
  readonly check: string;
  /** Distinguishes several loops with one check step, e.g. `OfLaunchVolume`. */
  readonly suffix?: string;
  /** Where the answer of the step before lies, with `poll` in it; the check's answers go there as well. */
  readonly at: `$.${string}`;
  readonly payload: StepOptions['payload'];
  /** Every status AWS documents is in one of these; any other one fails the loop. */
  readonly ready: readonly string[];
  readonly waiting: readonly string[];
  readonly failed: readonly string[];
  /** Statuses that are bad, and not the end: where to go on from them, with the check's answer at `at`. */
  readonly exit?: { readonly statuses: readonly string[]; readonly next: IChainable };
  /** Counted in the seconds the loop has waited. */
  readonly deadlineSeconds: number;
  /** Where to go on when the deadline has passed; without it the loop fails. */
  readonly late?: IChainable;
  /** Names the errors: `<error>Failed`, `<error>TimedOut`, `<error>StatusUnknown`. */
  readonly error: string;
}

/**
 * Wait, look, decide, again: until the status is a good one, a bad one, one that nobody knows, or the deadline has
 * passed. The check step answers `{ status, message, poll }`; the message is the error's cause.
 */
export function poll(scope: Construct, steps: Steps, options: PollOptions): Chain {
  const { check, suffix = '', at, error } = options;
  const name = `${pascalCase(check)}${suffix}`;
  const wait = new Wait(scope, `WaitTo${name}`, { time: WaitTime.secondsPath(`${at}.poll.waitSeconds`) });
  const look = steps.task(scope, name, check, {
    payload: { ...options.payload, 'poll.$': `${at}.poll` },
    result: at,
  });
  const fail = (what: string): Fail =>
    new Fail(scope, `${name}${what}`, { error: `${error}${what}`, causePath: `${at}.message` });
  const status = (values: readonly string[]): Condition =>
    Condition.or(...values.map((value) => Condition.stringEquals(`${at}.status`, value)));
  const timedOut = Condition.and(
    status(options.waiting),
    Condition.numberGreaterThanEquals(`${at}.poll.waitedSeconds`, options.deadlineSeconds),
  );
  // A state of its own, so that a loop can stand at the end of a branch as well as before a next state.
  const ready = new Pass(scope, `${name}Ready`);
  const decide = new Choice(scope, `${name}Outcome`)
    .when(status(options.ready), ready)
    .when(timedOut, options.late ?? fail('TimedOut'))
    .when(status(options.waiting), wait)
    .otherwise(fail('StatusUnknown'));
  if (options.failed.length > 0) decide.when(status(options.failed), fail('Failed'));
  if (options.exit) decide.when(status(options.exit.statuses), options.exit.next);
  wait.next(look).next(decide);
  return Chain.custom(wait, [ready], ready);
}
