import { z } from 'zod';
import type { CallFilter, CallLog } from './call-log.ts';
import type { FaultRules, PlannedFault } from './fault-rules.ts';
import type { FaultRule } from './faults.ts';
import { readWhole, UnfitInput, type WireAnswer, type WireRequest } from './protocols/http-message.ts';

export interface AdminParts {
  readonly calls: CallLog;
  readonly faults: FaultRules;
  /** What `GET /_landfall/health` tells besides the process id. */
  describe(): Record<string, unknown>;
  /** File that holds the bytes of a volume or snapshot; undefined when there is no such one. */
  diskFile(id: string): Promise<string | undefined>;
  /** Helper appliances: which there are, their processes and devices. */
  helpers(): Promise<readonly object[]>;
}

/** Paths of the region itself, which no AWS service uses (a bucket's name cannot begin with an underscore). */
export const ADMIN_PREFIX = '/_landfall/';

const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('throttle') }),
  z.strictObject({
    kind: z.literal('error'),
    code: z.string().min(1),
    message: z.string().default('A fault was asked for'),
    statusCode: z.number().int().min(400).max(599).optional(),
  }),
  z.strictObject({ kind: z.literal('loseAnswer') }),
  z.strictObject({ kind: z.literal('hold') }),
  z.strictObject({
    kind: z.literal('spoil'),
    endState: z.string().optional(),
    message: z.string().optional(),
    stuck: z.boolean().optional(),
  }),
]);

const ruleSchema = z.strictObject({
  service: z.string().min(1),
  operation: z.string().min(1),
  caller: z.string().optional(),
  skip: z.number().int().nonnegative().optional(),
  times: z.number().int().positive().optional(),
  /** Members of the input that must equal these; what a test would write as a `when` function. */
  input: z.record(z.string(), z.unknown()).optional(),
  action: actionSchema,
});

/** Answers `/_landfall/…`: health, the files of disks, helper appliances, the call log and the faults, for a person with curl. */
export async function answerAdmin(parts: AdminParts, request: WireRequest): Promise<WireAnswer> {
  const [what = '', id, verb] = request.path.slice(ADMIN_PREFIX.length).split('/');
  const route = `${request.method} ${[what, ...(id ? ['{id}'] : []), ...(verb ? [verb] : [])].join('/')}`;
  switch (route) {
    case 'GET health':
      return json(200, { pid: process.pid, ...parts.describe() });
    case 'GET disks/{id}':
      return diskFile(parts, id);
    case 'GET helpers':
      return json(200, await parts.helpers());
    case 'GET calls':
      return json(200, callsAsked(parts.calls, new Map(request.query)));
    case 'DELETE calls':
      parts.calls.clear();
      return json(200, {});
    case 'GET faults':
      return json(200, parts.faults.list().map(describeFault));
    case 'POST faults':
      return addFault(parts.faults, request);
    case 'DELETE faults':
      parts.faults.clear();
      return json(200, {});
    case 'POST faults/{id}/release':
      return withFault(parts.faults, id, (fault) => fault.release());
    case 'DELETE faults/{id}':
      return withFault(parts.faults, id, (fault) => fault.remove());
    default:
      return json(404, { message: `there is nothing at ${request.method} ${request.path}` });
  }
}

async function diskFile(parts: AdminParts, id = ''): Promise<WireAnswer> {
  const file = await parts.diskFile(id);
  if (file === undefined) return json(404, { message: `there is no volume or snapshot ${id}` });
  return json(200, { id, file });
}

async function addFault(faults: FaultRules, request: WireRequest): Promise<WireAnswer> {
  let body: unknown;
  try {
    body = JSON.parse((await readWhole(request.body)).toString('utf8'));
  } catch (error) {
    const message = error instanceof UnfitInput ? error.message : 'the body is not JSON';
    return json(400, { message });
  }
  const parsed = ruleSchema.safeParse(body);
  if (!parsed.success) return json(400, { message: z.prettifyError(parsed.error) });
  return json(201, describeFault(faults.add(faultRuleOf(parsed.data))));
}

function faultRuleOf(asked: z.infer<typeof ruleSchema>): FaultRule {
  const { input, ...rule } = asked;
  if (!input) return rule;
  return { ...rule, when: (given) => isSubset(input, given) };
}

/** Whether every member of `wanted` is in `given` with an equal value, objects compared the same way. */
function isSubset(wanted: unknown, given: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return wanted === given;
  if (typeof given !== 'object' || given === null) return false;
  return Object.entries(wanted).every(([name, value]) =>
    isSubset(value, (given as Record<string, unknown>)[name]),
  );
}

function withFault(
  faults: FaultRules,
  id: string | undefined,
  act: (fault: PlannedFault) => void,
): WireAnswer {
  const fault = faults.list().find((candidate) => candidate.id === id);
  if (!fault) return json(404, { message: `there is no fault ${id}` });
  act(fault);
  return json(200, describeFault(fault));
}

function describeFault(fault: PlannedFault): Record<string, unknown> {
  const { when, ...rule } = fault.rule;
  return {
    id: fault.id,
    hits: fault.hits,
    holding: fault.holding,
    ...rule,
    ...(when ? { when: 'a condition' } : {}),
  };
}

function callsAsked(calls: CallLog, query: ReadonlyMap<string, string>): unknown {
  const filter: Record<keyof CallFilter, string | undefined> = {
    service: query.get('service'),
    operation: query.get('operation'),
    caller: query.get('caller'),
    result: query.get('result'),
  };
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  const last = Number(query.get('last') ?? 100);
  return calls.entries(given).slice(-(Number.isSafeInteger(last) && last > 0 ? last : 100));
}

function json(statusCode: number, value: unknown): WireAnswer {
  // BigInt has no JSON form; none of the inputs that matter has one.
  const body = JSON.stringify(
    value,
    (_name, member) => (typeof member === 'bigint' ? String(member) : member),
    2,
  );
  return { statusCode, headers: { 'content-type': 'application/json' }, body: `${body}\n` };
}
