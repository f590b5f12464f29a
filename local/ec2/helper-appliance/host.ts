import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegionContext } from '../../service.ts';
import type { Disks } from '../disks.ts';
import type { HelperStatus, InstanceRecord } from '../records.ts';
import type { Ec2State } from '../state.ts';
import { makeBundles } from './bundles.ts';
import { endOfConsole, sayOnConsole } from './console-log.ts';
import { hasOpen, linkDevices, serialOf } from './device-folder.ts';
import { type HelperFolders, helperFolders, isOfInstance } from './folders.ts';
import { type HelperHeader, readHeader } from './header.ts';
import { liveAsHelper } from './life.ts';
import type { Program } from './program.ts';

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
  /** What of the network keeps an instance from S3, if anything does. */
  obstacleToS3(instance: InstanceRecord): string | undefined;
}

export function makeHelperHost(options: HelperHostOptions): HelperHost {
  const { context, state, disks } = options;
  const folders = helperFolders(context.stateFolder);
  const lives = makeLives(options, folders);

  /** An instance's volumes that its guest sees, with their files. */
  function devicesOf(instanceId: string): Map<string, string> {
    const attached = state.volumes
      .all()
      .filter(({ attachment }) => attachment?.instanceId === instanceId && attachment.state === 'attached');
    return new Map(attached.map(({ id }) => [id, disks.volumeFile(id)]));
  }

  const linkDevicesOf = (id: string) => linkDevices(folders.devices(id), devicesOf(id));
  const pidOf = (id: string) => lives.program(id)?.pid;

  return {
    begin(instance) {
      const asked = readHeader(instance.userData, instance.id);
      if (instance.helper || asked.kind === 'no helper') return;
      linkDevicesOf(instance.id);
      if (asked.kind === 'helper') {
        lives.begin(instance, asked.header);
        return;
      }
      const problem = `the header in the user data cannot be read: ${asked.problem}`;
      sayOnConsole(folders.console(instance.id), problem);
      setStatus(state, instance, 'off');
    },
    async end(instanceId) {
      const instance = state.instances.get(instanceId);
      if (instance?.helper) setStatus(state, instance, 'off');
      await lives.end(instanceId);
    },
    devicesChanged(instanceId) {
      if (state.instances.get(instanceId)?.helper) linkDevicesOf(instanceId);
    },
    async holds(instanceId, volumeId) {
      const pid = pidOf(instanceId);
      return pid !== undefined && (await hasOpen(pid, disks.volumeFile(volumeId)));
    },
    console: (instanceId) => endOfConsole(folders.console(instanceId)),
    forget: (instanceId) => rm(folders.of(instanceId), { recursive: true, force: true }),
    process(instanceId) {
      const pid = pidOf(instanceId);
      return pid === undefined ? undefined : { pid };
    },
    list: () =>
      state.instances.all().flatMap(({ id, helper }) => {
        if (!helper) return [];
        const pid = pidOf(id);
        const devices = [...devicesOf(id)].map(([volumeId, file]) => ({ serial: serialOf(volumeId), file }));
        const view = { instanceId: id, status: helper.status, devices, console: folders.console(id) };
        return [pid === undefined ? view : { ...view, pid }];
      }),
    async resume() {
      await forgetOthers(folders, new Set(state.instances.all().map(({ id }) => id)));
      const up = state.instances.all().flatMap(helperThatWasUp);
      await lives.keepBundles(up.map(({ header }) => header));
      for (const { instance, header } of up) {
        linkDevicesOf(instance.id);
        lives.begin(instance, header);
      }
    },
    stop: () => lives.stop(),
  };
}

function setStatus(state: Ec2State, instance: InstanceRecord, status: HelperStatus): void {
  instance.helper = { status };
  state.changed();
}

function helperThatWasUp(instance: InstanceRecord): { instance: InstanceRecord; header: HelperHeader }[] {
  const status = instance.helper?.status;
  const isUp = instance.state === 'running' && (status === 'running' || status === 'coming up');
  if (!isUp) return [];
  const asked = readHeader(instance.userData, instance.id);
  return asked.kind === 'helper' ? [{ instance, header: asked.header }] : [];
}

/** Deletes folders of instances that are no more. */
async function forgetOthers({ root }: HelperFolders, instanceIds: ReadonlySet<string>): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    const isGone = isOfInstance(name) && !instanceIds.has(name);
    if (isGone) await rm(join(root, name), { recursive: true, force: true });
  }
}

/** A helper that comes up or is up. */
interface Life {
  readonly controller: AbortController;
  program?: Program;
  /** Resolves when nothing of it runs any more. */
  over: Promise<void>;
}

interface Lives {
  begin(instance: InstanceRecord, header: HelperHeader): void;
  end(instanceId: string): Promise<void>;
  program(instanceId: string): Program | undefined;
  /** Deletes the bundles of all others. */
  keepBundles(headers: readonly HelperHeader[]): Promise<void>;
  stop(): Promise<void>;
}

function makeLives(
  { context, state, timeScale, powerOff, obstacleToS3 }: HelperHostOptions,
  folders: HelperFolders,
): Lives {
  const bundles = makeBundles(folders.bundles, context.endpoint);
  const lives = new Map<string, Life>();
  let stopped = false;

  async function live(instance: InstanceRecord, header: HelperHeader, life: Life): Promise<void> {
    const { signal } = life.controller;
    const onProgram = (program: Program | undefined) => {
      if (program && !signal.aborted) setStatus(state, instance, 'running');
      if (program) life.program = program;
      else delete life.program;
    };
    try {
      const status = await liveAsHelper({
        ...{ instance, header, context, bundles, folders, timeScale, signal, onProgram },
        obstacleToS3: () => obstacleToS3(instance),
      });
      setStatus(state, instance, status);
      if (status === 'off') powerOff(instance);
    } catch (error) {
      // Whoever ended it knows what becomes of the instance.
      if (!signal.aborted) throw error;
    } finally {
      lives.delete(instance.id);
    }
  }

  async function end(instanceId: string): Promise<void> {
    const life = lives.get(instanceId);
    life?.controller.abort();
    await life?.over;
  }

  return {
    begin(instance, header) {
      setStatus(state, instance, 'coming up');
      // The next region goes on with it.
      if (stopped) return;
      const life: Life = { controller: new AbortController(), over: Promise.resolve() };
      lives.set(instance.id, life);
      life.over = live(instance, header, life);
    },
    end,
    program: (instanceId) => lives.get(instanceId)?.program,
    keepBundles: (headers) => bundles.keepOnly(new Set(headers.map(({ sha256 }) => sha256))),
    async stop() {
      stopped = true;
      await Promise.all([...lives.keys()].map(end));
    },
  };
}
