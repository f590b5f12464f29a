/** Effects on what a call makes, longer than the call itself. */
export interface FaultEffects {
  /** The made resource ends in this state instead of its good one: an import `deleted`, a volume `error`… */
  readonly endState?: string;
  /** The message AWS would give with it. */
  readonly message?: string;
  /** The resource never leaves its first, transitional state. */
  readonly stuck?: boolean;
}

export type FaultAction =
  | { readonly kind: 'throttle' }
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly statusCode?: number }
  /** The operation is carried out, its answer never arrives: the connection is cut. */
  | { readonly kind: 'loseAnswer' }
  /** The operation waits until the rule is released. */
  | { readonly kind: 'hold' }
  /** The operation succeeds, what it made turns bad later. */
  | ({ readonly kind: 'spoil' } & FaultEffects);

export interface FaultRule {
  readonly service: string;
  readonly operation: string;
  /** Only calls of this function; any caller when absent. */
  readonly caller?: string;
  /** Skips this many matching calls first. */
  readonly skip?: number;
  /** Acts on this many matching calls, then is spent; 1 when absent. */
  readonly times?: number;
  /** Only calls whose input matches. */
  readonly when?: (input: Record<string, unknown>) => boolean;
  readonly action: FaultAction;
}
