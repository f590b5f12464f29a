import { AwsError } from '../service.ts';

/** Errors in EC2's own words; codes from the EC2 API error-code list, texts as seen in public transcripts. */

export const missingParameter = (name: string): AwsError =>
  new AwsError('MissingParameter', `The request must contain the parameter ${name}`);

export const invalidValue = (message: string): AwsError => new AwsError('InvalidParameterValue', message);

export const invalidParameter = (message: string): AwsError => new AwsError('InvalidParameter', message);

export const invalidCombination = (message: string): AwsError =>
  new AwsError('InvalidParameterCombination', message);

export const incorrectState = (message: string): AwsError => new AwsError('IncorrectState', message);

export const incorrectInstanceState = (message: string): AwsError =>
  new AwsError('IncorrectInstanceState', message);

export const dependencyViolation = (message: string): AwsError =>
  new AwsError('DependencyViolation', message);

/** Refuses what the simulation does not do: better a loud error than a setting that is silently lost. */
export const notSimulated = (what: string): AwsError =>
  new AwsError('UnsupportedOperation', `${what} is not simulated by the local region`);

/** Unwraps a required member of a request. @throws MissingParameter */
export function required<T>(value: T | undefined | null, name: string): T {
  if (value === undefined || value === null || value === '') throw missingParameter(name);
  return value;
}

/** A member of a request that has to be one of a list, where it is given at all. @throws InvalidParameterValue */
export function oneOf<T extends string>(
  value: string | undefined,
  allowed: readonly T[],
  parameter: string,
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw invalidValue(`Value (${value}) for parameter ${parameter} is invalid.`);
  return found;
}
