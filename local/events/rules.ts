import { z } from 'zod';
import { compilePattern } from './pattern.ts';
import { checkTargetInput } from './target-input.ts';

const targetSchema = z.strictObject({
  id: z.string(),
  /** ARN of a state machine or a function. */
  arn: z.string(),
  input: z.string().optional(),
  inputPath: z.string().optional(),
  transformer: z.strictObject({ paths: z.record(z.string(), z.string()), template: z.string() }).optional(),
});

export const ruleSchema = z.strictObject({
  name: z.string(),
  arn: z.string(),
  description: z.string().optional(),
  enabled: z.boolean(),
  pattern: z.record(z.string(), z.unknown()),
  targets: z.array(targetSchema),
});

/** A rule of the default event bus. */
export type EventRule = z.infer<typeof ruleSchema>;
export type EventTarget = z.infer<typeof targetSchema>;

const TARGET_ARN = /^arn:aws:(states:[^:]*:\d{12}:stateMachine:|lambda:[^:]*:\d{12}:function:)[^:]+$/;

/** What is wrong with a rule, or undefined. */
export function problemOfRule(rule: Pick<EventRule, 'pattern' | 'targets'>): string | undefined {
  try {
    compilePattern(rule.pattern);
    for (const target of rule.targets) {
      if (!TARGET_ARN.test(target.arn))
        return `the target ${target.arn} is neither a state machine nor a function`;
      checkTargetInput(target);
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
