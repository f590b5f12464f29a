import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { makeJsonFile } from '../json-file.ts';
import type { RegionContext, RegionEvent } from '../service.ts';
import { compilePattern, type EventPattern } from './pattern.ts';
import type { EventRule, EventTarget } from './rules.ts';
import { problemOfRule, ruleSchema } from './rules.ts';
import { targetInput } from './target-input.ts';

/** What the bus needs of the region; it exists before the region's context, whose `publish` it is. */
export type EventBusContext = Pick<RegionContext, 'accountId' | 'region' | 'stateFolder' | 'time'>;

/** The services that rules send events to; connected once they exist. */
export interface EventTargets {
  startExecution(stateMachineArn: string, input: string): Promise<void>;
  /** Asynchronous invocation: resolves when the event is accepted. */
  invokeFunction(functionArn: string, payload: string): Promise<void>;
}

/** The region's default event bus: events go to the targets of every rule that they match. */
export interface EventBus {
  publish(event: RegionEvent): void;
  /** Delivers what was published so far, and from now on everything at once. */
  connect(targets: EventTargets): void;
  ruleArn(name: string): string;
  problemOfRule: typeof problemOfRule;
  /** Creates the rule or replaces it. */
  putRule(rule: EventRule): Promise<void>;
  deleteRule(name: string): Promise<void>;
  rules(): EventRule[];
  /** Resolves when everything published so far has been delivered. */
  stop(): Promise<void>;
}

interface ActiveRule {
  readonly rule: EventRule;
  readonly matches: EventPattern;
}

export async function makeEventBus(
  context: EventBusContext,
  options: { log: (line: string) => void },
): Promise<EventBus> {
  const file = makeJsonFile(join(context.stateFolder, 'events', 'rules.json'), z.array(ruleSchema));
  const rules = new Map((await file.read())?.map((rule) => [rule.name, activate(rule)]));
  const connected = Promise.withResolvers<EventTargets>();
  let isConnected = false;
  const delivering = new Set<Promise<void>>();

  async function deliver(
    target: EventTarget,
    rule: EventRule,
    event: Record<string, unknown>,
  ): Promise<void> {
    const targets = await connected.promise;
    try {
      const input = targetInput(target, event, { ruleName: rule.name, ruleArn: rule.arn });
      if (target.arn.startsWith('arn:aws:states:')) await targets.startExecution(target.arn, input);
      else await targets.invokeFunction(target.arn, input);
    } catch (error) {
      // AWS tries for a day, then drops the event; here nothing would change by trying again.
      const reason = error instanceof Error ? error.message : String(error);
      options.log(`rule ${rule.name} could not deliver an event to ${target.arn}: ${reason}`);
    }
  }

  return {
    publish(published) {
      const event = asEvent(published, context);
      for (const { rule, matches } of rules.values()) {
        if (!rule.enabled || !matches(event)) continue;
        for (const target of rule.targets) {
          const delivery: Promise<void> = deliver(target, rule, event).finally(() =>
            delivering.delete(delivery),
          );
          delivering.add(delivery);
        }
      }
    },
    connect(targets) {
      isConnected = true;
      connected.resolve(targets);
    },
    ruleArn: (name) => `arn:aws:events:${context.region}:${context.accountId}:rule/${name}`,
    problemOfRule,
    async putRule(rule) {
      rules.set(rule.name, activate(rule));
      await file.write([...rules.values()].map((active) => active.rule));
    },
    async deleteRule(name) {
      rules.delete(name);
      await file.write([...rules.values()].map((active) => active.rule));
    },
    rules: () => [...rules.values()].map((active) => active.rule),
    async stop() {
      if (isConnected) await Promise.all(delivering);
    },
  };
}

function activate(rule: EventRule): ActiveRule {
  return { rule, matches: compilePattern(rule.pattern) };
}

function asEvent(event: RegionEvent, context: EventBusContext): Record<string, unknown> {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': event.detailType,
    source: event.source,
    account: context.accountId,
    time: context.time
      .now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z'),
    region: context.region,
    resources: [...event.resources],
    detail: event.detail,
  };
}
