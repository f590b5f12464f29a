import type { RegionContext, RegionEvent } from '../service.ts';

/** What the bus needs of the region; it exists before the region's context, whose `publish` it is. */
export type EventBusContext = Pick<RegionContext, 'accountId' | 'region' | 'stateFolder' | 'time'>;

/** The services that rules send events to; connected once they exist. */
export interface EventTargets {
  startExecution(stateMachineArn: string, input: string): Promise<void>;
  /** Asynchronous invocation: resolves when the event is accepted. */
  invokeFunction(functionArn: string, payload: string): Promise<void>;
}

export interface EventBus {
  publish(event: RegionEvent): void;
  connect(targets: EventTargets): void;
  stop(): Promise<void>;
}

export async function makeEventBus(
  _context: EventBusContext,
  _options: { log: (line: string) => void },
): Promise<EventBus> {
  return {
    publish: () => {},
    connect: () => {},
    stop: async () => {},
  };
}
