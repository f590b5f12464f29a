import { createHash } from 'node:crypto';
import { AwsError } from '../service.ts';
import { invalidValue } from './errors.ts';
import { nowText, type Simulation } from './simulation.ts';

/** AWS takes up to 64 ASCII characters. */
const TOKEN_FORM = /^[\x21-\x7e]{1,64}$/;

/** Text of a request that is the same for the same request, whatever the order of its members. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value instanceof Date || typeof value !== 'object' || value === null)
    return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

export interface IdempotentRequest {
  readonly DryRun?: boolean | undefined;
  readonly ClientToken?: string | undefined;
}

/**
 * What the same request made before under the same client token: the ids of its resources, or undefined when the
 * token is new or there is none.
 * @throws IdempotentParameterMismatch when the token was used for another request
 */
export function earlierResult(
  sim: Simulation,
  operation: string,
  request: IdempotentRequest,
): readonly string[] | undefined {
  const { ClientToken: token } = request;
  if (token === undefined || token === '') return undefined;
  if (!TOKEN_FORM.test(token)) throw invalidValue(`Invalid client token: '${token}'`);
  const earlier = sim.state.clientTokens.get(`${operation}:${token}`);
  if (!earlier) return undefined;
  if (earlier.requestDigest !== digestOf(request)) {
    throw new AwsError(
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
  }
  return earlier.resourceIds;
}

/** Remembers what a request with a client token made. */
export function rememberResult(
  sim: Simulation,
  operation: string,
  request: IdempotentRequest,
  resourceIds: readonly string[],
): void {
  if (!request.ClientToken) return;
  sim.state.clientTokens.insert({
    id: `${operation}:${request.ClientToken}`,
    requestDigest: digestOf(request),
    resourceIds: [...resourceIds],
    time: nowText(sim),
  });
}

function digestOf({ DryRun: _, ...request }: IdempotentRequest): string {
  return createHash('sha256').update(canonical(request)).digest('hex');
}
