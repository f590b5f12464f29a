import { z } from 'zod';

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

const valueSchema: z.ZodType<Value> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.array(valueSchema),
    z.record(z.string(), valueSchema),
  ]),
);

const deletionPolicySchema = z.enum(['Delete', 'Retain', 'RetainExceptOnCreate']);

const resourceSchema = z.strictObject({
  Type: z.string(),
  Properties: z.record(z.string(), valueSchema).default({}),
  DependsOn: z.union([z.string(), z.array(z.string())]).optional(),
  Condition: z.string().optional(),
  DeletionPolicy: deletionPolicySchema.optional(),
  /** Without effect: nothing is replaced under the same logical id but by an explicit new name. */
  UpdateReplacePolicy: deletionPolicySchema.optional(),
  Metadata: z.record(z.string(), z.unknown()).optional(),
});

const parameterSchema = z.strictObject({
  Type: z.string(),
  Default: z.union([z.string(), z.number()]).optional(),
  Description: z.string().optional(),
  AllowedValues: z.array(z.union([z.string(), z.number()])).optional(),
  NoEcho: z.boolean().optional(),
});

const outputSchema = z.strictObject({
  Value: valueSchema,
  Description: z.string().optional(),
  Condition: z.string().optional(),
  Export: z.strictObject({ Name: valueSchema }).optional(),
});

/** What the region understands of a CloudFormation template; anything else in it is refused. */
export const templateSchema = z.strictObject({
  AWSTemplateFormatVersion: z.literal('2010-09-09').optional(),
  Description: z.string().optional(),
  Metadata: z.record(z.string(), z.unknown()).optional(),
  Parameters: z.record(z.string(), parameterSchema).default({}),
  /** CDK's own check of its bootstrap stack, which is not needed here. */
  Rules: z.strictObject({ CheckBootstrapVersion: z.unknown() }).optional(),
  Mappings: z.record(z.string(), z.record(z.string(), z.record(z.string(), valueSchema))).default({}),
  Conditions: z.record(z.string(), valueSchema).default({}),
  Resources: z.record(z.string(), resourceSchema).default({}),
  Outputs: z.record(z.string(), outputSchema).default({}),
});

export type Template = z.infer<typeof templateSchema>;
export type TemplateResource = z.infer<typeof resourceSchema>;
export type TemplateParameter = z.infer<typeof parameterSchema>;

/** The problems of a failed parse, one line each, with the place of each. */
export function problemsOf(error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => {
    const place = issue.path.join('.');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${place === '' ? '' : `${place}.`}${key} is not simulated`);
    }
    return [`${place}: ${issue.message}`];
  });
}

export function isObject(value: Value | undefined): value is { readonly [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}
