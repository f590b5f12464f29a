import type { GetExecutionHistoryCommandInput, HistoryEvent } from '@aws-sdk/client-sfn';
import type { ExecutionStore } from './execution-store.ts';
import type { HistoryLine } from './history.ts';
import { pageSize } from './page-size.ts';
import { pageToken, parsePageToken } from './page-token.ts';

interface HistoryPage {
  readonly events: HistoryEvent[];
  readonly nextToken?: string;
}

/** GetExecutionHistory: a page of events, in either direction, with or without their data. @throws AwsError */
export async function readHistory(
  input: GetExecutionHistoryCommandInput,
  executionArn: string,
  store: ExecutionStore,
): Promise<HistoryPage> {
  const size = pageSize(input.maxResults);
  const list = `${executionArn} ${input.reverseOrder === true ? 'newest' : 'oldest'}`;
  const total = await store.historyLength(executionArn);
  const withData = input.includeExecutionData !== false;
  const event = (line: HistoryLine) => asEvent(line, withData);
  if (input.reverseOrder !== true) {
    const from = parsePageToken(input.nextToken, list) || 1;
    const to = Math.min(total, from + size - 1);
    const events = (await store.history(executionArn, from, to)).map(event);
    return { events, ...(to < total ? { nextToken: pageToken(to + 1, list) } : {}) };
  }
  const to = parsePageToken(input.nextToken, list) || total;
  const from = Math.max(1, to - size + 1);
  const events = (await store.history(executionArn, from, to)).map(event).reverse();
  return { events, ...(from > 1 ? { nextToken: pageToken(from - 1, list) } : {}) };
}

const DATA_FIELDS = new Set(['input', 'output', 'inputDetails', 'outputDetails', 'error', 'cause']);

function asEvent({ timestampMs, ...line }: HistoryLine, withData: boolean): HistoryEvent {
  const event: HistoryEvent = { ...line, timestamp: new Date(timestampMs) };
  if (withData) return event;
  const entries = Object.entries(event).map(([key, value]) => [
    key,
    key.endsWith('EventDetails') ? withoutData(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function withoutData(details: unknown): unknown {
  if (typeof details !== 'object' || details === null) return details;
  return Object.fromEntries(Object.entries(details).filter(([field]) => !DATA_FIELDS.has(field)));
}
