import { makeS3Client, makeS3Store, makeSlots, parseS3Url } from '../core/repository/index.ts';
import { type HelperArguments, parseHelperArguments, USAGE } from './arguments.ts';
import { makeChannel } from './channel/channel.ts';
import { makeAlignedBuffers } from './devices/aligned-buffers.ts';
import { makeLinkedDevices } from './devices/linked-devices.ts';
import { makeNvmeDevices } from './devices/nvme-devices.ts';
import { InvalidArguments } from './errors.ts';
import { limitsFor } from './life/limits.ts';
import { live } from './life/live.ts';
import { FLUSHES_AT_ONCE, READ_BUFFERS } from './writing/memory.ts';

export const EXIT = { over: 0, crashed: 1, badArguments: 2, interrupted: 3 } as const;

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Runs the helper's life and answers the exit code of the process. */
export async function runHelper(args: readonly string[], { signal, log }: RunOptions): Promise<number> {
  if (args.includes('--help')) {
    log(USAGE);
    return EXIT.over;
  }
  try {
    const ending = await start(parseHelperArguments(args), { signal, log });
    log(`over: ${ending}`);
    return EXIT.over;
  } catch (error) {
    log(error instanceof Error ? `ended: ${error.name}: ${error.message}` : `ended: ${error}`);
    if (signal.aborted) return EXIT.interrupted;
    return error instanceof InvalidArguments ? EXIT.badArguments : EXIT.crashed;
  }
}

function start(
  { bucket, folder, instanceId, devices, heartbeatSeconds, deadline }: HelperArguments,
  { signal, log }: RunOptions,
) {
  const limits = limitsFor(heartbeatSeconds);
  const client = makeS3Client();
  return live({
    ...{ instanceId, deadline, signal },
    openStore: (url) => makeS3Store({ client, ...parseS3Url(url) }),
    tools: {
      channel: makeChannel({ client, bucket, folder, requestSeconds: limits.requestSeconds }),
      devices: devices === undefined ? makeNvmeDevices() : makeLinkedDevices(devices),
      buffers: makeAlignedBuffers(READ_BUFFERS),
      flushing: makeSlots(FLUSHES_AT_ONCE),
      limits,
      log,
    },
  });
}
