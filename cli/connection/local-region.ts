import type { Region, RunningRegion } from '../../local/region.ts';
import { ensureAssembly } from '../assembly.ts';
import { type Host, printNote } from '../host.ts';
import type { Caller } from '../program-flags.ts';

export interface LocalRegion {
  readonly endpoint: string;
  /** Whether this process runs it. */
  readonly runsHere: boolean;
  /** For people: where it is, and whether this command runs it. */
  readonly description: string;
  /** Stops it where this command runs it. */
  close(): Promise<void>;
}

export interface EmbeddedRegionOptions {
  readonly stateFolder: string;
  readonly port: number;
  readonly timeScale?: number;
  readonly waitMs?: number;
  readonly log?: (line: string) => void;
}

/** Loaded when it is wanted only: the simulation is large, and most commands never need it. */
const loadRegion = () => import('../../local/region.ts');

/** The region that runs on a state folder, if one does. */
export const findRegionOn = async (stateFolder: string): Promise<RunningRegion | undefined> =>
  (await loadRegion()).findRunningRegion(stateFolder);

/** The local region of the state folder: the one that is running there, else one within this process. */
export async function openLocalRegion({ host, flags }: Caller): Promise<LocalRegion> {
  const { stateFolder } = flags;
  const { findRunningRegion } = await loadRegion();
  const running = await findRunningRegion(stateFolder);
  if (running !== undefined) {
    return {
      endpoint: running.endpoint,
      runsHere: false,
      description: `the local region at ${running.endpoint} (running, state in ${stateFolder})`,
      async close() {},
    };
  }
  const region = await startDeployedRegion(host, { stateFolder, port: 0 });
  return {
    endpoint: region.endpoint,
    runsHere: true,
    description: `the local region at ${region.endpoint} (for this command only, state in ${stateFolder})`,
    close: () => region.stop(),
  };
}

/** Starts a local region in this process and deploys the stack of this checkout into it. */
export async function startDeployedRegion(host: Host, options: EmbeddedRegionOptions): Promise<Region> {
  const assemblyFolder = await ensureAssembly({
    onBuild: () => printNote(host, 'Synthesising the stack (first run, or its sources have changed)…'),
    signal: host.signal,
  });
  const { startRegion } = await loadRegion();
  const region = await startRegion(options);
  try {
    await region.deploy(assemblyFolder);
    return region;
  } catch (error) {
    await region.stop();
    throw error;
  }
}
