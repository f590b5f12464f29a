import { z } from 'zod';
import { AwsError } from '../service.ts';

const functionSchema = z.strictObject({
  name: z.string(),
  arn: z.string(),
  description: z.string().optional(),
  runtime: z.string(),
  handler: z.string(),
  role: z.string(),
  timeoutSeconds: z.number(),
  memoryMb: z.number(),
  ephemeralStorageMb: z.number(),
  architecture: z.string(),
  environment: z.record(z.string(), z.string()),
  /** Id in the code store. */
  code: z.string(),
  codeSha256: z.string(),
  codeBytes: z.number(),
  logGroup: z.string(),
  revisionId: z.string(),
  lastModified: z.string(),
});

export const functionsSchema = z.array(functionSchema);

/** A deployed function. */
export type LambdaFunction = z.infer<typeof functionSchema>;

/** The variables that Lambda sets; a function may not set them itself. */
const RESERVED_VARIABLES =
  /^(_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_.*|AWS_ACCESS_KEY(_ID)?|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|TZ)$/;
/** Lambda's quota for all variables of one function. */
const ENVIRONMENT_BYTES = 4096;
const RUNTIMES = /^nodejs(22|24)\.x$/;

/**
 * What Lambda would refuse about a function's settings, or undefined.
 * Only Node.js runtimes can run here, in the region's own Node.
 */
export function problemOf(
  settings: Pick<LambdaFunction, 'runtime' | 'timeoutSeconds' | 'memoryMb' | 'environment' | 'name'>,
): string | undefined {
  if (!RUNTIMES.test(settings.runtime)) return `Runtime ${settings.runtime} cannot run here; nodejs24.x can`;
  if (
    !Number.isInteger(settings.timeoutSeconds) ||
    settings.timeoutSeconds < 1 ||
    settings.timeoutSeconds > 900
  ) {
    return `Timeout ${settings.timeoutSeconds} is not within 1 to 900 seconds`;
  }
  if (!Number.isInteger(settings.memoryMb) || settings.memoryMb < 128 || settings.memoryMb > 10_240) {
    return `MemorySize ${settings.memoryMb} is not within 128 to 10240 MB`;
  }
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(settings.name)) return `function name ${settings.name} is not valid`;
  const variables = Object.entries(settings.environment);
  const reserved = variables.find(([name]) => RESERVED_VARIABLES.test(name));
  if (reserved) return `environment variable ${reserved[0]} is reserved by Lambda`;
  const invalid = variables.find(([name]) => !/^[a-zA-Z]\w+$/.test(name));
  if (invalid) return `environment variable name ${invalid[0]} is not valid`;
  const bytes = variables.reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value), 0);
  if (bytes > ENVIRONMENT_BYTES)
    return `environment variables take ${bytes} bytes; Lambda allows ${ENVIRONMENT_BYTES}`;
  return undefined;
}

const REFERENCE =
  /^(?:(?:arn:aws:lambda:(?<region>[a-z0-9-]+):)?(?:(?<account>\d{12}):)?function:)?(?<name>[A-Za-z0-9_-]{1,64})(?::(?<qualifier>\$LATEST|[A-Za-z0-9_-]+))?$/;

/** The function's name out of a name, a partial or a full ARN. @throws AwsError ValidationException */
export function parseFunctionReference(reference: string): string {
  const groups = REFERENCE.exec(reference)?.groups;
  if (!groups?.name) {
    throw new AwsError(
      'ValidationException',
      `1 validation error detected: Value '${reference}' at 'functionName' failed to satisfy constraint`,
    );
  }
  if (groups.qualifier && groups.qualifier !== '$LATEST') {
    throw new AwsError('ResourceNotFoundException', `Function not found: ${reference}`, 404);
  }
  return groups.name;
}
