import { join } from 'node:path';
import type { LambdaService } from '../lambda/service.ts';
import type { RegionContext, Service } from '../service.ts';
import { AwsError } from '../service.ts';
import { prepareDefinition } from './definition.ts';
import { makeExecutionStore } from './execution-store.ts';
import { openExecutions } from './executions.ts';
import type { Machine, MachineSettings } from './machines.ts';
import { openMachines } from './machines.ts';
import { makeOperations } from './operations.ts';

export interface StepFunctionsOptions {
  readonly lambda: Pick<LambdaService, 'invoke'>;
  /** Factor on Waits and retry pauses: the region's own. */
  readonly timeScale: number;
  /** Replaces every Wait and retry pause, real milliseconds. */
  readonly waitMs?: number;
  readonly log: (line: string) => void;
}

export interface StepFunctionsService extends Service {
  arnOf(machineName: string): string;
  /** @throws InvalidDefinition with everything that cannot be run here */
  checkDefinition(definition: string): void;
  /** Creates the machine or replaces it; executions that run keep their definition. @throws InvalidDefinition */
  putMachine(settings: MachineSettings): Promise<Machine>;
  deleteMachine(arn: string): Promise<void>;
  /**
   * Ends, as ABORTED with error `Region.Stopped`, what was still RUNNING when the region last stopped, and publishes it;
   * what a rule had started is started anew.
   * Called once when every service stands and the rules can act.
   */
  resume(): Promise<void>;
  /** Starts an execution for a rule of the event bus; its ARN. After a stop of the region it is started anew. @throws AwsError */
  startForRule(stateMachineArn: string, input: string): Promise<string>;
  stop(): Promise<void>;
}

export async function makeStepFunctionsService(
  context: RegionContext,
  options: StepFunctionsOptions,
): Promise<StepFunctionsService> {
  const folder = join(context.stateFolder, 'step-functions');
  const arnOf = (name: string) =>
    `arn:aws:states:${context.region}:${context.accountId}:stateMachine:${name}`;
  const { timeScale } = options;
  const machines = await openMachines({ folder, arnOf, timeScale, now: () => context.time.now() });
  const store = makeExecutionStore(join(folder, 'executions'));
  const executions = await openExecutions({
    context,
    store,
    machines,
    services: {
      invoke: (input) => options.lambda.invoke(input),
      sleep: (seconds, signal) => context.time.sleep(seconds, signal),
      waitMs: options.waitMs,
      now: () => context.time.now(),
      log: options.log,
    },
  });
  return {
    name: 'states',
    operations: makeOperations({ machines, executions, store }),
    arnOf,
    checkDefinition: (definition) => void prepareDefinition(definition, { timeScale }),
    putMachine: (settings) => machines.put(settings),
    deleteMachine: (arn) => machines.delete(arn),
    resume: () => executions.abortLeftOvers(),
    async startForRule(stateMachineArn, input) {
      const machine = machines.find(stateMachineArn);
      if (!machine) {
        throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${stateMachineArn}'`);
      }
      return (await executions.start({ machine, input, byRule: true })).arn;
    },
    stop: () => executions.stopAll(),
  };
}
