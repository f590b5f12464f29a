import { parseArgs } from 'node:util';
import { HEARTBEAT_SECONDS } from '../core/model/helper.ts';
import { InvalidArguments } from './errors.ts';

export interface HelperArguments {
  readonly bucket: string;
  /** `helpers/<role id>:<instance id>/`. */
  readonly folder: string;
  readonly instanceId: string;
  /** A folder with links named by serial, instead of the machine's NVMe devices. */
  readonly devices: string | undefined;
  readonly heartbeatSeconds: number;
  readonly deadline: Date | undefined;
}

export const USAGE =
  'landfall-helper --folder s3://BUCKET/FOLDER/ --instance-id i-… [--devices FOLDER] [--heartbeat-seconds N] [--deadline TIME]';

const OPTIONS = {
  folder: { type: 'string' },
  'instance-id': { type: 'string' },
  devices: { type: 'string' },
  'heartbeat-seconds': { type: 'string', default: String(HEARTBEAT_SECONDS) },
  deadline: { type: 'string' },
} as const;

/** @throws InvalidArguments */
export function parseHelperArguments(args: readonly string[]): HelperArguments {
  const { folder, 'instance-id': instanceId, devices, deadline, ...values } = parseOptions(args);
  const [, bucket, path] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/([^{}]+\/)$/.exec(folder ?? '') ?? [];
  if (bucket === undefined || path === undefined) {
    throw new InvalidArguments(`--folder ${folder} is not of the form s3://bucket/some/folder/`);
  }
  if (instanceId === undefined || !/^i-[0-9a-f]+$/.test(instanceId)) {
    throw new InvalidArguments(`--instance-id ${instanceId} is not of the form i-0123456789abcdef0`);
  }
  return {
    bucket,
    folder: path,
    instanceId,
    devices,
    heartbeatSeconds: parseSeconds(values['heartbeat-seconds']),
    deadline: deadline === undefined ? undefined : parseTime(deadline),
  };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidArguments(`${text}; usage: ${USAGE}`, { cause });
  }
}

const MOST_SECONDS = 3600;

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MOST_SECONDS) return seconds;
  throw new InvalidArguments(
    `--heartbeat-seconds ${text} is not a number of seconds above 0 and up to ${MOST_SECONDS}`,
  );
}

function parseTime(text: string): Date {
  const time = new Date(text);
  if (/^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArguments(`--deadline ${text} is not a time such as 2026-11-30T10:15:00Z`);
}
