import { z } from 'zod';
import type { EventBus } from '../../events/event-bus.ts';
import type { ResourceType } from '../resource-type.ts';
import { parseProperties, UnfitProperties, withoutEffect } from '../resource-type.ts';

const targetProperties = z.strictObject({
  Id: z.string(),
  Arn: z.string(),
  Input: z.string().optional(),
  InputPath: z.string().optional(),
  InputTransformer: z
    .strictObject({ InputPathsMap: z.record(z.string(), z.string()).default({}), InputTemplate: z.string() })
    .optional(),
  RoleArn: withoutEffect,
  RetryPolicy: withoutEffect,
});

const ruleProperties = z.strictObject({
  Name: z.string().optional(),
  Description: z.string().optional(),
  EventBusName: z.literal('default').optional(),
  EventPattern: z.record(z.string(), z.unknown()),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  Targets: z.array(targetProperties).default([]),
  RoleArn: withoutEffect,
});

/** AWS::Events::Rule with a pattern; schedules are not simulated. */
export function eventTypes({ events }: { readonly events: EventBus }): Record<string, ResourceType> {
  return {
    'AWS::Events::Rule': {
      plan(declared) {
        const properties = parseProperties(ruleProperties, declared.properties);
        const name = properties.Name ?? declared.generatedName(64);
        const arn = events.ruleArn(name);
        const targets = properties.Targets.map(({ Id, Arn, Input, InputPath, InputTransformer }) => ({
          id: Id,
          arn: Arn,
          ...(Input === undefined ? {} : { input: Input }),
          ...(InputPath === undefined ? {} : { inputPath: InputPath }),
          ...(InputTransformer === undefined
            ? {}
            : {
                transformer: {
                  paths: InputTransformer.InputPathsMap,
                  template: InputTransformer.InputTemplate,
                },
              }),
        }));
        const pattern = properties.EventPattern;
        const problem = events.problemOfRule({ pattern, targets });
        if (problem !== undefined) throw new UnfitProperties([problem]);
        return {
          physicalId: name,
          attributes: { Arn: arn },
          apply: () =>
            events.putRule({
              name,
              arn,
              ...(properties.Description === undefined ? {} : { description: properties.Description }),
              enabled: properties.State === 'ENABLED',
              pattern,
              targets,
            }),
        };
      },
      remove: (physicalId) => events.deleteRule(physicalId),
    },
  };
}
