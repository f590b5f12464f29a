import { GetConsoleOutputCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from './aws-errors.ts';
import { ec2 } from './ec2.ts';

/** The end of an instance's console; undefined where it has none: nice to have, never a reason to fail. */
export async function consoleOutput(InstanceId: string, characters: number): Promise<string | undefined> {
  // Without `Latest` EC2 answers with what it kept at some moment after the boot; with it not for every type, nor
  // once an instance has ended.
  const Output = (await ask({ InstanceId, Latest: true })) ?? (await ask({ InstanceId }));
  return Output === undefined ? undefined : Buffer.from(Output, 'base64').toString('utf8').slice(-characters);
}

async function ask(which: { InstanceId: string; Latest?: true }): Promise<string | undefined> {
  try {
    const { Output } = await ec2.send(new GetConsoleOutputCommand(which));
    return Output === '' ? undefined : Output;
  } catch (error) {
    if (awsErrorCode(error) === undefined) throw error;
    return undefined;
  }
}
