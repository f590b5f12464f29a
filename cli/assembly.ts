import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from './errors.ts';
import { isAlive } from './process-alive.ts';
import { PROJECT_FOLDER } from './project-folder.ts';
import { runProgram } from './run-program.ts';

/** The stack could not be synthesised. */
export class SynthesisFailed extends CommandError {
  override readonly name = 'SynthesisFailed';
}

/** Where the command line and the tests keep the cloud assembly that they deploy into local regions. */
export const ASSEMBLY_FOLDER = join(PROJECT_FOLDER, 'build', 'cloud-assembly');

/** What the assembly is made of: a change in any of these makes it stale. */
const SOURCES = ['infra', 'lambdas', 'core', 'package-lock.json', 'tsconfig.json'];
/** A build takes 10 to 20 seconds. */
const LOCK_DEADLINE_MS = 240_000;
const LOCK_POLL_MS = 200;

export interface AssemblyOptions {
  /** Told once when it has to be built, which takes some seconds. */
  readonly onBuild?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that the cloud assembly matches the sources, building it (`infra/app.ts`) when it does not; several
 * processes may ask at once. Returns its folder. @throws SynthesisFailed
 */
export async function ensureAssembly({ onBuild, signal }: AssemblyOptions = {}): Promise<string> {
  const wanted = await digestOfSources();
  if (await isCurrent(wanted)) return ASSEMBLY_FOLDER;
  await mkdir(dirname(ASSEMBLY_FOLDER), { recursive: true });
  await withLock(`${ASSEMBLY_FOLDER}.lock`, signal, async () => {
    if (await isCurrent(wanted)) return;
    onBuild?.();
    await build(wanted, signal);
  });
  return ASSEMBLY_FOLDER;
}

const stampFile = `${ASSEMBLY_FOLDER}.digest`;

async function isCurrent(wanted: string): Promise<boolean> {
  const [stamp, manifest] = await Promise.all([
    readFile(stampFile, 'utf8').catch(() => undefined),
    stat(join(ASSEMBLY_FOLDER, 'manifest.json')).catch(() => undefined),
  ]);
  return stamp === wanted && manifest !== undefined;
}

async function build(digest: string, signal?: AbortSignal): Promise<void> {
  const fresh = `${ASSEMBLY_FOLDER}.new`;
  await rm(fresh, { recursive: true, force: true });
  const app = join(PROJECT_FOLDER, 'infra', 'app.ts');
  const { exitCode, stdout, stderr } = await runProgram(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', app],
    { cwd: PROJECT_FOLDER, env: { ...process.env, CDK_OUTDIR: fresh }, signal },
  );
  if (exitCode !== 0) {
    throw new SynthesisFailed(
      `the stack could not be synthesised (${relative(PROJECT_FOLDER, app)}):\n${stderr.trim() || stdout.trim()}`,
      'Correct what it complains about; "npm ci" brings the dependencies.',
    );
  }
  await rm(stampFile, { force: true });
  await rm(ASSEMBLY_FOLDER, { recursive: true, force: true });
  await rename(fresh, ASSEMBLY_FOLDER);
  await writeFile(stampFile, digest);
}

/** SHA-256 over the names and contents of all source files, in order of their names. */
async function digestOfSources(): Promise<string> {
  const digest = createHash('sha256');
  for (const path of await sourceFiles()) {
    const content = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    digest.update(`${relative(PROJECT_FOLDER, path)} ${content}\n`);
  }
  return digest.digest('hex');
}

async function sourceFiles(): Promise<string[]> {
  const lists = await Promise.all(
    SOURCES.map(async (name) => {
      const path = join(PROJECT_FOLDER, name);
      if (!(await stat(path)).isDirectory()) return [path];
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  return lists.flat().sort();
}

/** One builder at a time: whoever creates the file, which names its process, has the lock. */
async function withLock(
  file: string,
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const deadline = Date.now() + LOCK_DEADLINE_MS;
  while (!(await tookLock(file))) {
    if (Date.now() > deadline) {
      throw new SynthesisFailed(`another process has been building for long (${file})`, `Remove ${file}.`);
    }
    await sleep(LOCK_POLL_MS, undefined, { signal });
  }
  try {
    await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function tookLock(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const holder = Number(await readFile(file, 'utf8').catch(() => ''));
    if (holder > 0 && !isAlive(holder)) await rm(file, { force: true });
    return false;
  }
}
