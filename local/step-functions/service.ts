import type { LambdaService } from '../lambda/service.ts';
import type { RegionContext, Service } from '../service.ts';

export interface StepFunctionsOptions {
  readonly lambda: LambdaService;
  /** Factor on Waits and retry pauses: the region's own. */
  readonly timeScale: number;
  /** Replaces every Wait and retry pause, real milliseconds. */
  readonly waitMs?: number;
  readonly log: (line: string) => void;
}

export interface StepFunctionsService extends Service {
  /**
   * Ends, as ABORTED with error `Region.Stopped`, what was still RUNNING when the region last stopped, and publishes it.
   * Called once when every service stands and the rules can act.
   */
  resume(): Promise<void>;
  /** Starts an execution as StartExecution does, for the region's own callers. */
  start(stateMachineArn: string, input: string, name?: string): Promise<string>;
  stop(): Promise<void>;
}

export async function makeStepFunctionsService(
  _context: RegionContext,
  _options: StepFunctionsOptions,
): Promise<StepFunctionsService> {
  return {
    name: 'states',
    operations: {},
    resume: async () => {},
    start: () => Promise.reject(new Error('not there yet')),
    stop: async () => {},
  };
}
