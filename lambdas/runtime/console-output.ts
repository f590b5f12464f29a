import { GetConsoleOutputCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from './aws-errors.ts';
import { ec2 } from './ec2.ts';

/** The end of an instance's console; undefined where it has none: nice to have, never a reason to fail. */
export async function consoleOutput(InstanceId: string, characters: number): Promise<string | undefined> {
  try {
    const { Output } = await ec2.send(new GetConsoleOutputCommand({ InstanceId }));
    if (Output === undefined || Output === '') return undefined;
    return Buffer.from(Output, 'base64').toString('utf8').slice(-characters);
  } catch (error) {
    if (awsErrorCode(error) === undefined) throw error;
    return undefined;
  }
}
