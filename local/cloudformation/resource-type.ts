import { z } from 'zod';
import type { FileAsset } from './assembly.ts';
import type { ResolvedResource } from './resolver.ts';
import { problemsOf } from './template.ts';

/** A resource as the template declares it, its properties resolved. */
export interface DeclaredResource {
  readonly logicalId: string;
  readonly properties: unknown;
  readonly stackName: string;
  /** A name for a resource whose properties give none. */
  generatedName(maxLength: number, options?: { lowerCase?: boolean; withoutStack?: boolean }): string;
  asset(objectKey: string): FileAsset | undefined;
}

/** What a resource will be; nothing is made until it is applied. */
export interface PlannedResource extends ResolvedResource {
  /** Creates the resource, or makes the one that is there like this. */
  apply(): Promise<void>;
}

/** One CloudFormation resource type. */
export interface ResourceType {
  /** @throws UnfitProperties */
  plan(declared: DeclaredResource): PlannedResource;
  /** Deletes the resource; one that is gone already is fine. */
  remove(physicalId: string): Promise<void>;
}

/** Properties that the region cannot honour. */
export class UnfitProperties extends Error {
  override readonly name = 'UnfitProperties';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

/** Parses properties by the type's own schema, which knows every property there is. @throws UnfitProperties */
export function parseProperties<Schema extends z.ZodType>(
  schema: Schema,
  properties: unknown,
): z.infer<Schema> {
  const parsed = schema.safeParse(properties);
  if (!parsed.success)
    throw new UnfitProperties(problemsOf(parsed.error).map((problem) => `property ${problem}`));
  return parsed.data;
}

/** A property that is accepted and has no effect in the local region (docs/local-region.md says which). */
export const withoutEffect = z.unknown().optional();

/** CloudFormation takes numbers and booleans as text, too. */
export const numberProperty = z.coerce.number();
export const booleanProperty = z.union([
  z.boolean(),
  z.enum(['true', 'false']).transform((text) => text === 'true'),
]);

export const policyDocument = z.record(z.string(), z.unknown());
