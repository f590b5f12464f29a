import { z } from 'zod';
import type { ResourceType } from '../resource-type.ts';
import { parseProperties, withoutEffect } from '../resource-type.ts';

const logGroupProperties = z.strictObject({
  LogGroupName: z.string().optional(),
  RetentionInDays: withoutEffect,
  LogGroupClass: withoutEffect,
  Tags: withoutEffect,
});

/** Types that may be declared and do nothing here: a log group is a name, what functions print is in the state folder. */
export function inertTypes({
  region,
  accountId,
}: {
  readonly region: string;
  readonly accountId: string;
}): Record<string, ResourceType> {
  return {
    'AWS::Logs::LogGroup': {
      plan(declared) {
        const { LogGroupName } = parseProperties(logGroupProperties, declared.properties);
        const name = LogGroupName ?? declared.generatedName(512);
        return {
          physicalId: name,
          attributes: { Arn: `arn:aws:logs:${region}:${accountId}:log-group:${name}:*` },
          apply: async () => {},
        };
      },
      remove: async () => {},
    },
    'AWS::CDK::Metadata': {
      plan: (declared) => ({
        physicalId: declared.generatedName(100),
        attributes: {},
        apply: async () => {},
      }),
      remove: async () => {},
    },
  };
}
