import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegionContext } from '../../service.ts';
import type { Disks } from '../disks.ts';
import type { HelperStatus, InstanceRecord } from '../records.ts';
import type { Ec2State } from '../state.ts';
import { type Bundles, CannotComeUp, makeBundles } from './bundles.ts';
import { endOfConsole, sayOnConsole } from './console-log.ts';
import { hasOpen, linkDevices, serialOf } from './device-folder.ts';
import { type HelperHeader, readHeader } from './header.ts';
import { type Program, startProgram } from './program.ts';

/** A helper appliance, for a person or a test that looks. */
export interface HelperView {
  readonly instanceId: string;
  readonly status: HelperStatus;
  /** Of its program, while it runs. */
  readonly pid?: number;
  readonly devices: readonly { readonly serial: string; readonly file: string }[];
  /** File of what it printed. */
  readonly console: string;
}

/**
 * Runs what helper appliances run: an instance whose user data has a helper's header gets its program as a child
 * process of the region, with the instance's volumes as links in a folder.
 */
export interface HelperHost {
  /** The instance runs for the first time: its user data is looked at, and what it asks for comes up by and by. */
  begin(instance: InstanceRecord): void;
  /** Ends an instance's program for good; resolves when its process is gone. Nothing happens where there is none. */
  end(instanceId: string): Promise<void>;
  /** Makes an instance's devices those of its volumes that are attached now. */
  devicesChanged(instanceId: string): void;
  /** Whether the instance's program has the volume open, so that it cannot be detached as yet. */
  holds(instanceId: string, volumeId: string): Promise<boolean>;
  /** The end of what an instance's helper printed; nothing where it is none. */
  console(instanceId: string): Promise<string>;
  /** Deletes what is kept of an instance. */
  forget(instanceId: string): Promise<void>;
  process(instanceId: string): { readonly pid: number } | undefined;
  list(): HelperView[];
  /** Goes on with the helpers that were up when the region stopped. */
  resume(): Promise<void>;
  /** Ends every program and waits for it; they are up again after {@link resume} of the next region. */
  stop(): Promise<void>;
}

export interface HelperHostOptions {
  readonly context: RegionContext;
  readonly state: Ec2State;
  readonly disks: Disks;
  /** Factor on the program's heartbeat. */
  readonly timeScale: number;
  /** The system of an instance shuts itself down. */
  powerOff(instance: InstanceRecord): void;
}

/** A helper that comes up or is up. */
interface Life {
  readonly controller: AbortController;
  program?: Program;
  /** Resolves when nothing of it runs any more. */
  over: Promise<void>;
}

/** As the service on the appliance is set up: after so many crashes its system powers off. */
const CRASHES = 5;
/** Pause before a crashed program is started again. */
const RESTART_SECONDS = 5;
const HEARTBEAT_SECONDS = 10;
/** However short simulated time is, S3 need not be asked more often. */
const SHORTEST_HEARTBEAT_SECONDS = 0.5;

export function makeHelperHost(options: HelperHostOptions): HelperHost {
  const { context, state, disks, timeScale, powerOff } = options;
  const root = join(context.stateFolder, 'ec2', 'helpers');
  const bundles: Bundles = makeBundles(join(root, 'bundles'), context.endpoint);
  const lives = new Map<string, Life>();
  let stopped = false;

  const folderOf = (instanceId: string) => join(root, instanceId);
  const consoleOf = (instanceId: string) => join(folderOf(instanceId), 'console.log');
  const say = (instance: InstanceRecord, text: string) => sayOnConsole(consoleOf(instance.id), text);

  function setStatus(instance: InstanceRecord, status: HelperStatus): void {
    instance.helper = { status };
    state.changed();
  }

  /** Its volumes that the guest sees, with their files. */
  function devicesOf(instanceId: string): Map<string, string> {
    const attached = state.volumes
      .all()
      .filter(({ attachment }) => attachment?.instanceId === instanceId && attachment.state === 'attached');
    return new Map(attached.map(({ id }) => [id, disks.volumeFile(id)]));
  }

  const deviceFolderOf = (instanceId: string) => join(folderOf(instanceId), 'devices');
  const linkDevicesOf = (instanceId: string) =>
    linkDevices(deviceFolderOf(instanceId), devicesOf(instanceId));

  const start = (instance: InstanceRecord, header: HelperHeader, file: string): Promise<Program> =>
    startProgram({
      file,
      args: [
        ...['--folder', header.folder],
        ...['--instance-id', instance.id],
        ...['--devices', deviceFolderOf(instance.id)],
        ...[
          '--heartbeat-seconds',
          String(Math.max(SHORTEST_HEARTBEAT_SECONDS, HEARTBEAT_SECONDS * timeScale)),
        ],
        ...['--deadline', header.deadline],
      ],
      environment: {
        AWS_ENDPOINT_URL: context.endpoint,
        AWS_REGION: header.region,
        AWS_ACCESS_KEY_ID: instance.id,
        AWS_SECRET_ACCESS_KEY: 'local',
        // Nothing of the settings of whoever runs the region.
        HOME: folderOf(instance.id),
      },
      folder: folderOf(instance.id),
      console: consoleOf(instance.id),
    });

  /** What the user data's script does: fetches the program and checks it. @throws CannotComeUp */
  async function fetchProgram(
    instance: InstanceRecord,
    header: HelperHeader,
    signal: AbortSignal,
  ): Promise<string> {
    if (!instance.profile) throw new CannotComeUp('there are no credentials: the instance has no profile');
    if (instance.architecture !== 'arm64')
      throw new CannotComeUp(`the bundle is for arm64, this machine is ${instance.architecture}`);
    return bundles.fetch({ header, instanceId: instance.id, signal });
  }

  /** What the service does: runs the program until it is through, hangs, or has crashed too often. */
  async function serve(
    instance: InstanceRecord,
    life: Life,
    run: () => Promise<Program>,
  ): Promise<HelperStatus> {
    const { signal } = life.controller;
    for (let crashes = 1; ; crashes += 1) {
      const program = await run();
      // Ended while it was being started.
      if (signal.aborted) program.kill();
      life.program = program;
      setStatus(instance, 'running');
      const end = await program.ended;
      delete life.program;
      signal.throwIfAborted();
      if (end.kind === 'killed') {
        say(instance, `the program was killed (${end.signal}): the machine counts as one that hangs`);
        return 'hung';
      }
      if (end.code === 0) {
        say(instance, 'the program is through; powering off');
        return 'off';
      }
      if (crashes === CRASHES) {
        say(instance, `the program crashed ${CRASHES} times, last with exit code ${end.code}; powering off`);
        return 'off';
      }
      say(instance, `the program crashed with exit code ${end.code}; it is started again`);
      await context.time.sleep(RESTART_SECONDS, signal);
    }
  }

  async function live(instance: InstanceRecord, header: HelperHeader, life: Life): Promise<HelperStatus> {
    const { signal } = life.controller;
    try {
      const file = await fetchProgram(instance, header, signal);
      signal.throwIfAborted();
      return await serve(instance, life, () => start(instance, header, file));
    } catch (error) {
      signal.throwIfAborted();
      say(instance, `${error instanceof CannotComeUp ? error.message : String(error)}; powering off`);
      return 'off';
    }
  }

  function come(instance: InstanceRecord, header: HelperHeader): void {
    const life: Life = { controller: new AbortController(), over: Promise.resolve() };
    lives.set(instance.id, life);
    life.over = live(instance, header, life)
      .then((status) => {
        setStatus(instance, status);
        if (status === 'off') powerOff(instance);
      })
      .catch((error: unknown) => {
        // Ended from outside, which says itself what becomes of it.
        if (life.controller.signal.aborted) return;
        throw error;
      })
      .finally(() => lives.delete(instance.id));
  }

  async function endLife(life: Life): Promise<void> {
    life.controller.abort();
    life.program?.kill();
    await life.over;
  }

  return {
    begin(instance) {
      if (stopped || instance.helper) return;
      const asked = readHeader(instance.userData, instance.id);
      if (asked.kind === 'no helper') return;
      linkDevicesOf(instance.id);
      if (asked.kind === 'unfit') {
        say(instance, `the header in the user data cannot be read: ${asked.problem}`);
        setStatus(instance, 'off');
        return;
      }
      setStatus(instance, 'coming up');
      come(instance, asked.header);
    },
    async end(instanceId) {
      const instance = state.instances.get(instanceId);
      if (instance?.helper) setStatus(instance, 'off');
      const life = lives.get(instanceId);
      if (life) await endLife(life);
    },
    devicesChanged(instanceId) {
      if (state.instances.get(instanceId)?.helper) linkDevicesOf(instanceId);
    },
    async holds(instanceId, volumeId) {
      const pid = lives.get(instanceId)?.program?.pid;
      return pid !== undefined && (await hasOpen(pid, disks.volumeFile(volumeId)));
    },
    console: (instanceId) => endOfConsole(consoleOf(instanceId)),
    forget: (instanceId) => rm(folderOf(instanceId), { recursive: true, force: true }),
    process(instanceId) {
      const pid = lives.get(instanceId)?.program?.pid;
      return pid === undefined ? undefined : { pid };
    },
    list: () =>
      state.instances.all().flatMap(({ id, helper }) => {
        if (!helper) return [];
        const pid = lives.get(id)?.program?.pid;
        const devices = [...devicesOf(id)].map(([volumeId, file]) => ({ serial: serialOf(volumeId), file }));
        const view = { instanceId: id, status: helper.status, devices, console: consoleOf(id) };
        return [pid === undefined ? view : { ...view, pid }];
      }),
    async resume() {
      const up = state.instances.all().flatMap((instance) => {
        const isUp = instance.helper?.status === 'running' || instance.helper?.status === 'coming up';
        const asked = readHeader(instance.userData, instance.id);
        return isUp && asked.kind === 'helper' ? [{ instance, header: asked.header }] : [];
      });
      await bundles.keepOnly(new Set(up.map(({ header }) => header.sha256)));
      await forgetOthers(root, new Set(state.instances.all().map(({ id }) => id)));
      for (const { instance, header } of up) {
        linkDevicesOf(instance.id);
        come(instance, header);
      }
    },
    async stop() {
      stopped = true;
      await Promise.all([...lives.values()].map(endLife));
    },
  };
}

/** Deletes folders of instances that are no more. */
async function forgetOthers(root: string, instanceIds: ReadonlySet<string>): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    const isGone = name !== 'bundles' && !instanceIds.has(name);
    if (isGone) await rm(join(root, name), { recursive: true, force: true });
  }
}
