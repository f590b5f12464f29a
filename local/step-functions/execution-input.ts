import { AwsError } from '../service.ts';
import { DATA_BYTES } from './failure.ts';
import type { Json } from './json.ts';
import { parseJson } from './json.ts';

/** https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html, name */
const FORBIDDEN_IN_NAMES = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;

/** @throws AwsError InvalidName */
export function checkName(name: string): void {
  const isValid = name.length >= 1 && name.length <= 80 && !FORBIDDEN_IN_NAMES.test(name);
  if (!isValid) throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
}

/** @throws AwsError InvalidExecutionInput */
export function parseInput(input: string): Json {
  if (Buffer.byteLength(input) > DATA_BYTES) {
    throw new AwsError(
      'InvalidExecutionInput',
      `Invalid State Machine Execution Input: 'Input exceeds ${DATA_BYTES} bytes'`,
    );
  }
  try {
    return parseJson(input);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AwsError('InvalidExecutionInput', `Invalid State Machine Execution Input: '${reason}'`);
  }
}
