import { join } from 'node:path';
import type { RegionContext } from '../../service.ts';
import type { HelperStatus, InstanceRecord } from '../records.ts';
import type { Bundles } from './bundles.ts';
import { sayOnConsole } from './console-log.ts';
import { CannotComeUp } from './errors.ts';
import type { HelperFolders } from './folders.ts';
import type { HelperHeader } from './header.ts';
import { type Program, type ProgramEnd, startProgram } from './program.ts';
import { readServiceUnit, type ServiceUnit } from './service-unit.ts';

/** The life of one helper appliance, from its first boot or the region's start until it is over. */
export interface LifeOptions {
  readonly instance: InstanceRecord;
  readonly header: HelperHeader;
  readonly context: RegionContext;
  readonly bundles: Bundles;
  readonly folders: HelperFolders;
  /** Factor on the program's heartbeat. */
  readonly timeScale: number;
  /** Aborted when it is ended from outside, whose program is killed then, too. */
  readonly signal: AbortSignal;
  /** What of the network keeps it from S3 now, if anything does. */
  obstacleToS3(): string | undefined;
  /** Told of every start of its program, and of every end (undefined). */
  onProgram(program: Program | undefined): void;
}

const PROGRAM_FILE = 'landfall-helper.mjs';
/** As the service on the appliance is set up: it starts five times; where that does not help, its system powers off. */
const STARTS = 5;
/** Pause before a crashed program is started again. */
const RESTART_SECONDS = 5;
/** Every ten seconds for ten minutes. */
const S3_TRIES = 60;
const S3_PAUSE_SECONDS = 10;
const HEARTBEAT_SECONDS = 10;
/** However short simulated time is, S3 need not be asked more often. */
const SHORTEST_HEARTBEAT_SECONDS = 0.5;

/**
 * Fetches a helper's program and runs it until it is through, hangs, or has crashed too often; says so on its console.
 * @returns what it comes to: `hung`, or `off`, and its system powers off
 * @throws the signal's reason when it is ended from outside
 */
export async function liveAsHelper(life: LifeOptions): Promise<HelperStatus> {
  const { signal } = life;
  try {
    const start = await bringUp(life);
    signal.throwIfAborted();
    return await serve(life, start);
  } catch (error) {
    signal.throwIfAborted();
    say(life, `${error instanceof CannotComeUp ? error.message : String(error)}; powering off`);
    return 'off';
  }
}

const say = ({ folders, instance }: LifeOptions, text: string): void =>
  sayOnConsole(folders.console(instance.id), text);

/** What the user data's script does: fetches the program and checks it. @throws CannotComeUp */
async function bringUp(life: LifeOptions): Promise<() => Promise<Program>> {
  const { instance, header, bundles, signal } = life;
  if (!instance.profile) throw new CannotComeUp('there are no credentials: the instance has no profile');
  if (instance.architecture !== 'arm64')
    throw new CannotComeUp(`the bundle is for arm64, this machine is ${instance.architecture}`);
  await reachS3(life);
  const bundleFolder = await bundles.fetch({ header, instanceId: instance.id, signal });
  const unit = await readServiceUnit(bundleFolder);
  return () => start(life, bundleFolder, unit);
}

/** The script tries for ten minutes. @throws CannotComeUp */
async function reachS3({ context, obstacleToS3, signal }: LifeOptions): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const obstacle = obstacleToS3();
    if (obstacle === undefined) return;
    if (tries > S3_TRIES) throw new CannotComeUp(`S3 could not be read for ten minutes: ${obstacle}`);
    await context.time.sleep(S3_PAUSE_SECONDS, signal);
  }
}

function start(life: LifeOptions, bundleFolder: string, unit: ServiceUnit): Promise<Program> {
  const { instance, header, context, folders, timeScale } = life;
  const heartbeatSeconds = Math.max(SHORTEST_HEARTBEAT_SECONDS, HEARTBEAT_SECONDS * timeScale);
  return startProgram({
    file: join(bundleFolder, PROGRAM_FILE),
    nodeOptions: unit.nodeOptions,
    args: [
      ...['--folder', header.folder],
      ...['--instance-id', instance.id],
      ...['--devices', folders.devices(instance.id)],
      ...['--heartbeat-seconds', String(heartbeatSeconds)],
      ...['--deadline', header.deadline],
    ],
    environment: {
      ...unit.environment,
      AWS_ENDPOINT_URL: context.endpoint,
      AWS_REGION: header.region,
      AWS_ACCESS_KEY_ID: instance.id,
      AWS_SECRET_ACCESS_KEY: 'local',
      // Nothing of the settings of whoever runs the region.
      HOME: folders.of(instance.id),
    },
    folder: folders.of(instance.id),
    console: folders.console(instance.id),
  });
}

/** What the service does. */
async function serve(life: LifeOptions, startOnce: () => Promise<Program>): Promise<HelperStatus> {
  for (let starts = 1; ; starts += 1) {
    const end = await run(life, startOnce);
    life.signal.throwIfAborted();
    if (end.kind === 'killed') {
      say(life, `the program was killed (${end.signal}): the machine counts as one that hangs`);
      return 'hung';
    }
    if (end.code === 0) {
      say(life, 'the program is through; powering off');
      return 'off';
    }
    if (starts === STARTS) {
      say(life, `the program crashed ${STARTS} times, last with exit code ${end.code}; powering off`);
      return 'off';
    }
    say(life, `the program crashed with exit code ${end.code}; it is started again`);
    await life.context.time.sleep(RESTART_SECONDS, life.signal);
  }
}

async function run(life: LifeOptions, startOnce: () => Promise<Program>): Promise<ProgramEnd> {
  const program = await startOnce();
  const kill = () => program.kill();
  life.signal.addEventListener('abort', kill, { once: true });
  // Ended while it was being started.
  if (life.signal.aborted) kill();
  life.onProgram(program);
  try {
    return await program.ended;
  } finally {
    life.onProgram(undefined);
    life.signal.removeEventListener('abort', kill);
  }
}
