import { randomUUID } from 'node:crypto';
import type { CallRecorder } from './call-log.ts';
import { resourcesOf, withoutPayloads } from './call-log.ts';
import { callerOf } from './caller.ts';
import type { FaultDecider } from './fault-rules.ts';
import type { FaultEffects } from './faults.ts';
import type { AnswerContext, ParsedRequest, WireRequest } from './protocols/http-message.ts';
import { UNKNOWN_OPERATION } from './protocols/http-message.ts';
import type { Outcome } from './server.ts';
import { isHangUp } from './server.ts';
import { AwsError, type Call } from './service.ts';
import type { ServiceEntry, ServiceRegistry } from './services.ts';
import { serviceOf } from './services.ts';

export interface DispatchParts {
  readonly services: ServiceRegistry;
  readonly calls: CallRecorder;
  readonly faults: FaultDecider;
  /** Aborted when the region stops. */
  readonly stopping: AbortSignal;
  log(line: string): void;
}

/** One call on its way through: who, what, and what came of it so far. */
interface CallState {
  readonly requestId: string;
  readonly entry: ServiceEntry;
  readonly request: WireRequest;
  readonly caller: string;
  readonly execution: string | undefined;
  readonly signal: AbortSignal;
}

/** Carries out an AWS request: finds service and operation, lets faults strike, runs it, logs it. Never throws. */
export async function dispatch(
  parts: DispatchParts,
  request: WireRequest,
  hangUp: AbortSignal,
): Promise<Outcome> {
  const started = performance.now();
  const time = new Date().toISOString();
  const service = serviceOf(request);
  const requestId = randomUUID();
  const { caller, execution } = callerOf(request.headers);
  const entry = parts.services.get(service);
  const signal = AbortSignal.any([hangUp, parts.stopping]);
  const { operation, input, outcome, result } = entry
    ? await serveCall(parts, { requestId, entry, request, caller, execution, signal })
    : unknownService(service, requestId);
  parts.calls.record({
    time,
    requestId,
    caller,
    ...(execution === undefined ? {} : { execution }),
    service,
    operation,
    resources: resourcesOf(input),
    result,
    durationMs: Math.round((performance.now() - started) * 10) / 10,
    ...(input ? { input } : {}),
  });
  return outcome;
}

/** What came of a call, for its client and for the log. */
interface Served {
  readonly operation: string;
  readonly input?: Record<string, unknown>;
  readonly outcome: Outcome;
  readonly result: string;
}

async function serveCall(parts: DispatchParts, state: CallState): Promise<Served> {
  const parsed = await parse(parts, state);
  const carried = await carryOut(parts, state, parsed);
  const input = 'input' in parsed ? { input: withoutPayloads(parsed.input) } : {};
  return { operation: parsed.operation, ...input, ...carried };
}

async function parse(parts: DispatchParts, state: CallState): Promise<ParsedRequest> {
  try {
    return await state.entry.adapter.parse(state.request);
  } catch (error) {
    return { operation: UNKNOWN_OPERATION, refusal: asAwsError(parts, state, UNKNOWN_OPERATION, error) };
  }
}

async function carryOut(
  parts: DispatchParts,
  state: CallState,
  parsed: ParsedRequest,
): Promise<Pick<Served, 'outcome' | 'result'>> {
  const { operation } = parsed;
  try {
    if ('refusal' in parsed) throw parsed.refusal;
    const { effects, loseAnswer } = await applyFaults(parts, state, parsed);
    const run = state.entry.service.operations[operation];
    if (!run || !Object.hasOwn(state.entry.service.operations, operation)) {
      throw state.entry.notSimulated(operation);
    }
    const call: Call = {
      requestId: state.requestId,
      caller: state.caller,
      ...(state.execution === undefined ? {} : { execution: state.execution }),
      signal: state.signal,
      effects,
    };
    const output = await run(parsed.input, call);
    const answer = state.entry.adapter.answer(output ?? {}, contextOf(state, operation));
    if (loseAnswer) return { outcome: { kind: 'cut', unsent: answer }, result: 'answer lost' };
    return { outcome: { kind: 'answer', answer }, result: 'ok' };
  } catch (error) {
    if (state.signal.aborted && error === state.signal.reason)
      return { outcome: { kind: 'cut' }, result: 'cut' };
    const awsError = asAwsError(parts, state, operation, error);
    const answer = state.entry.adapter.answerError(awsError, contextOf(state, operation));
    return { outcome: { kind: 'answer', answer }, result: awsError.code };
  }
}

interface FaultOutcome {
  readonly effects: FaultEffects;
  readonly loseAnswer: boolean;
}

/** @throws AwsError where the fault is an error; the signal's reason where a held call is aborted */
async function applyFaults(
  parts: DispatchParts,
  state: CallState,
  { operation, input }: { readonly operation: string; readonly input: Record<string, unknown> },
): Promise<FaultOutcome> {
  const service = state.entry.service.name;
  const strike = parts.faults.take({ service, operation, caller: state.caller, input });
  const calm = { effects: {}, loseAnswer: false };
  if (!strike) return calm;
  const { action } = strike;
  switch (action.kind) {
    case 'throttle':
      throw state.entry.throttling();
    case 'error':
      throw new AwsError(action.code, action.message, action.statusCode ?? 400);
    case 'loseAnswer':
      return { effects: {}, loseAnswer: true };
    case 'hold':
      await strike.held(state.signal);
      return calm;
    case 'spoil': {
      const { kind: _spoil, ...effects } = action;
      return { effects, loseAnswer: false };
    }
  }
}

function contextOf(state: CallState, operation: string): AnswerContext {
  return { operation, requestId: state.requestId, request: state.request };
}

/** What is not an AWS error is a mistake of the simulation: said aloud, answered as AWS's internal error. */
function asAwsError(parts: DispatchParts, state: CallState, operation: string, error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  if (isHangUp(error) || state.signal.aborted)
    return new AwsError('RequestTimeout', 'The client is gone', 400);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  parts.log(`internal error in ${state.entry.service.name} ${operation}: ${text}`);
  const code = state.entry.service.name === 's3' ? 'InternalError' : 'InternalFailure';
  const message = error instanceof Error ? error.message : String(error);
  return new AwsError(code, `The local region failed: ${message}`, 500);
}

function unknownService(name: string, requestId: string): Served {
  const message = `The local region has no service "${name.slice(0, 50)}" (docs/local-region.md)`;
  const answer = {
    statusCode: 404,
    headers: {
      'content-type': 'application/json',
      'x-amzn-requestid': requestId,
      'x-amzn-errortype': 'UnknownService',
    },
    body: JSON.stringify({ __type: 'UnknownService', message }),
  };
  return { operation: UNKNOWN_OPERATION, outcome: { kind: 'answer', answer }, result: 'UnknownService' };
}
