import type { CallRecorder } from '../call-log.ts';
import type { FaultDecider } from '../fault-rules.ts';
import { AwsError } from '../service.ts';
import type { InvocationResult, InvokeFunctionInput } from './invocation.ts';

export interface Observers {
  readonly calls: Pick<CallRecorder, 'record'>;
  readonly faults: Pick<FaultDecider, 'take'>;
  /** Aborted when the region stops. */
  readonly stopping: AbortSignal;
}

/** Who calls, in the call log and in fault rules, when Step Functions invokes a function. */
export const STATES_CALLER = 'states.amazonaws.com';

type Invoke = (input: InvokeFunctionInput) => Promise<InvocationResult>;

/**
 * Step Functions' own way to Lambda. It does not come over HTTP, and yet is a call like others: it stands in the call
 * log, and fault rules for `lambda` `Invoke` strike it (input: FunctionName, an ARN, and Payload, parsed).
 */
export function observeInvoke(invoke: Invoke, { calls, faults, stopping }: Observers): Invoke {
  async function carryOut(input: InvokeFunctionInput): Promise<InvocationResult> {
    const strike = faults.take({
      service: 'lambda',
      operation: 'Invoke',
      caller: STATES_CALLER,
      input: { FunctionName: input.functionName, Payload: JSON.parse(input.payload) },
    });
    switch (strike?.action.kind) {
      case undefined:
      case 'spoil':
        return invoke(input);
      case 'throttle':
        throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', 429);
      case 'error':
        throw new AwsError(strike.action.code, strike.action.message, strike.action.statusCode);
      case 'hold':
        await strike.held(stopping);
        return invoke(input);
      case 'loseAnswer':
        await invoke(input);
        throw new AwsError(
          'SdkClientException',
          'Unable to execute HTTP request: the connection was cut',
          500,
        );
    }
  }

  return async (input) => {
    const started = performance.now();
    const time = new Date().toISOString();
    const record = (result: string) =>
      calls.record({
        time,
        requestId: crypto.randomUUID(),
        caller: STATES_CALLER,
        ...(input.execution === undefined ? {} : { execution: input.execution }),
        service: 'lambda',
        operation: 'Invoke',
        resources: [input.functionName.split(':').at(-1) ?? input.functionName],
        result,
        durationMs: Math.round((performance.now() - started) * 10) / 10,
        input: { FunctionName: input.functionName },
      });
    try {
      const outcome = await carryOut(input);
      record(outcome.failed ? 'Unhandled' : 'ok');
      return outcome;
    } catch (error) {
      record(error instanceof AwsError ? error.code : 'failed');
      throw error;
    }
  };
}
