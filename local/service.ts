import type { FaultEffects } from './faults.ts';

/** Who called and under which execution, read from the request (see docs/local-region.md, "call log"). */
export interface Call {
  readonly requestId: string;
  /** Name of the local Lambda function that made the call, or `anonymous` for anyone outside the region. */
  readonly caller: string;
  /** ARN of the Step Functions execution the caller worked for. */
  readonly execution?: string;
  /** Aborted when the client hangs up or the region stops. */
  readonly signal: AbortSignal;
  /** Longer-lasting effects that a fault rule asked for on what this call makes (an import that ends `deleted`…). */
  readonly effects: FaultEffects;
}

/** One simulated operation: a function from the SDK's input type to its output type; throws {@link AwsError}. */
// biome-ignore lint/suspicious/noExplicitAny: each operation's real types are the SDK's; the table mixes them all
export type Operation<Input = any, Output = any> = (input: Input, call: Call) => Promise<Output> | Output;

/** A simulated service: its operations by their AWS names. What is missing here answers `InvalidAction`/`NotImplemented`. */
export interface Service {
  /** Signing name of the service: ec2, ebs, s3, states, lambda, cloudformation, sts. */
  readonly name: string;
  readonly operations: Readonly<Record<string, Operation>>;
  /** Stops what runs in the background and writes the state out. */
  stop?(): Promise<void>;
}

/** An error as AWS would answer it. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly code: string;
  readonly statusCode: number;
  /** Further members of the modelled error shape, where it has any. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, statusCode = 400, fields: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.statusCode = statusCode;
    this.fields = fields;
  }
}

/** What the region gives each of its services. */
export interface RegionContext {
  readonly accountId: string;
  readonly region: string;
  readonly availabilityZones: readonly string[];
  /** `http://127.0.0.1:<port>` of this region. */
  readonly endpoint: string;
  /** Folder of the region's state; each service keeps to a subfolder named after itself. */
  readonly stateFolder: string;
  readonly time: RegionTime;
  /** Publishes an event on the region's default event bus, as EventBridge would receive it. */
  publish(event: RegionEvent): void;
}

export interface RegionEvent {
  readonly source: string;
  readonly detailType: string;
  readonly resources: readonly string[];
  readonly detail: Record<string, unknown>;
}

/** The region's idea of time: real time of day, simulated durations scaled by the region's `timeScale`. */
export interface RegionTime {
  now(): Date;
  /** Resolves after `seconds` of simulated time (scaled), or rejects with the signal's reason. */
  sleep(seconds: number, signal?: AbortSignal): Promise<void>;
  /** Runs `action` after `seconds` of simulated time; dropped when the region stops. */
  after(seconds: number, action: () => void): void;
}
