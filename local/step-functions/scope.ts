import type { StateMachine } from 'aws-local-stepfunctions';
import type { Expression } from './intrinsics.ts';
import type { Json } from './json.ts';
import type { Path } from './paths.ts';
import type { Template } from './payload-template.ts';

export type StateType = 'Task' | 'Parallel' | 'Map' | 'Pass' | 'Wait' | 'Choice' | 'Succeed' | 'Fail';

/**
 * States that follow each other: a whole machine, one iteration's states, one branch's. The interpreter library runs the
 * sequence, its data flow, retries and catches; what a state does is its body, run by us.
 */
export interface Scope {
  readonly machine: StateMachine;
  readonly states: ReadonlyMap<string, ScopeState>;
}

export interface ScopeState {
  readonly name: string;
  readonly type: StateType;
  /** None for Choice and Succeed: they are the library's. */
  readonly body?: StateBody;
}

export type StateBody =
  | ({
      readonly kind: 'lambda';
      readonly functionArn: string;
      readonly timeoutSeconds: number;
    } & PayloadFields)
  | { readonly kind: 'pass'; readonly result?: Json; readonly parameters?: Template }
  | { readonly kind: 'wait'; readonly until: WaitUntil }
  | { readonly kind: 'fail'; readonly error?: Expression; readonly cause?: Expression }
  | ({ readonly kind: 'parallel'; readonly branches: readonly Scope[] } & PayloadFields)
  | ({
      readonly kind: 'map';
      readonly mode: 'INLINE' | 'DISTRIBUTED';
      readonly label: string;
      readonly items: Path;
      readonly selector?: Template;
      readonly maxConcurrency: number | Path;
      readonly processor: Scope;
    } & Pick<PayloadFields, 'resultSelector'>);

export interface PayloadFields {
  readonly parameters?: Template;
  readonly resultSelector?: Template;
}

export type WaitUntil =
  | { readonly kind: 'seconds'; readonly seconds: number | Path }
  | { readonly kind: 'timestamp'; readonly timestamp: string | Path };
