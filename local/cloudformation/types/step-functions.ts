import { z } from 'zod';
import type { IamDirectory } from '../../iam/directory.ts';
import type { LambdaService } from '../../lambda/service.ts';
import { InvalidDefinition } from '../../step-functions/definition.ts';
import type { StepFunctionsService } from '../../step-functions/service.ts';
import type { ResourceType } from '../resource-type.ts';
import { booleanProperty, parseProperties, UnfitProperties, withoutEffect } from '../resource-type.ts';

export interface MachineTypesOptions {
  readonly stepFunctions: StepFunctionsService;
  readonly lambda: LambdaService;
  readonly iam: IamDirectory;
}

const machineProperties = z.strictObject({
  StateMachineName: z.string().optional(),
  StateMachineType: z.literal('STANDARD').optional(),
  RoleArn: z.string(),
  DefinitionString: z.string().optional(),
  Definition: z.record(z.string(), z.unknown()).optional(),
  DefinitionSubstitutions: z.record(z.string(), z.coerce.string()).default({}),
  /** Given back by DescribeStateMachine; nothing is logged to CloudWatch. */
  LoggingConfiguration: z
    .strictObject({
      Level: z.string().optional(),
      IncludeExecutionData: booleanProperty.optional(),
      Destinations: z
        .array(z.strictObject({ CloudWatchLogsLogGroup: z.strictObject({ LogGroupArn: z.string() }) }))
        .optional(),
    })
    .optional(),
  TracingConfiguration: z.strictObject({ Enabled: booleanProperty.optional() }).optional(),
  Tags: withoutEffect,
});

type MachineProperties = z.infer<typeof machineProperties>;

/** AWS::StepFunctions::StateMachine. */
export function machineTypes({
  stepFunctions,
  lambda,
  iam,
}: MachineTypesOptions): Record<string, ResourceType> {
  return {
    'AWS::StepFunctions::StateMachine': {
      plan(declared) {
        const properties = parseProperties(machineProperties, declared.properties);
        const definition = definitionOf(properties);
        try {
          stepFunctions.checkDefinition(definition);
        } catch (error) {
          if (error instanceof InvalidDefinition)
            throw new UnfitProperties(error.problems.map((text) => `state machine ${text}`));
          throw error;
        }
        const name = properties.StateMachineName ?? declared.generatedName(80, { withoutStack: true });
        const Arn = stepFunctions.arnOf(name);
        const loggingConfiguration = loggingOf(properties);
        return {
          physicalId: Arn,
          attributes: { Arn, Name: name },
          apply: async () => {
            if (!iam.findRole(properties.RoleArn)) throw new Error(`there is no role ${properties.RoleArn}`);
            for (const [functionArn] of definition.matchAll(
              /arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+/g,
            )) {
              if (!lambda.hasFunction(functionArn))
                throw new Error(`a state calls ${functionArn}, which does not exist`);
            }
            await stepFunctions.putMachine({
              name,
              roleArn: properties.RoleArn,
              tracingEnabled: properties.TracingConfiguration?.Enabled ?? false,
              ...(loggingConfiguration ? { loggingConfiguration } : {}),
              definition,
            });
          },
        };
      },
      remove: (physicalId) => stepFunctions.deleteMachine(physicalId),
    },
  };
}

function definitionOf({ DefinitionString, Definition, DefinitionSubstitutions }: MachineProperties): string {
  if ((DefinitionString === undefined) === (Definition === undefined)) {
    throw new UnfitProperties(['exactly one of DefinitionString and Definition must be there']);
  }
  const text = DefinitionString ?? JSON.stringify(Definition);
  return text.replace(/\$\{(\w+)\}/g, (placeholder, name: string) => {
    const value = DefinitionSubstitutions[name];
    if (value === undefined) return placeholder;
    // The text is JSON, and the placeholder stands within one of its strings.
    return JSON.stringify(value).slice(1, -1);
  });
}

/** As the API words it. */
function loggingOf({ LoggingConfiguration }: MachineProperties): Record<string, unknown> | undefined {
  if (!LoggingConfiguration) return undefined;
  const { Level, IncludeExecutionData, Destinations = [] } = LoggingConfiguration;
  return {
    level: Level ?? 'OFF',
    includeExecutionData: IncludeExecutionData ?? false,
    destinations: Destinations.map(({ CloudWatchLogsLogGroup }) => ({
      cloudWatchLogsLogGroup: { logGroupArn: CloudWatchLogsLogGroup.LogGroupArn },
    })),
  };
}
