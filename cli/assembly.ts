import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from './errors.ts';
import { isAlive } from './process-alive.ts';
import { PROJECT_FOLDER } from './project-folder.ts';
import { runProgram } from './run-program.ts';

/** The stack could not be synthesised. */
export class SynthesisFailed extends CommandError {
  override readonly name = 'SynthesisFailed';
}

/**
 * Where cloud assemblies lie, each in a folder named after the digest of its sources: a region that deploys one
 * never has it replaced under its hands.
 */
const ASSEMBLIES_FOLDER = join(PROJECT_FOLDER, 'build', 'cloud-assembly');
const KEPT_ASSEMBLIES = 3;

/** What an assembly is made of: a change in any of these makes another one. */
const SOURCES = ['infra', 'lambdas', 'core', 'helper', 'package-lock.json', 'tsconfig.json'];
/** A build takes 10 to 20 seconds. */
const LOCK_DEADLINE_MS = 240_000;
const LOCK_POLL_MS = 200;

export interface AssemblyOptions {
  /** Told once when it has to be built, which takes some seconds. */
  readonly onBuild?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * The folder of the cloud assembly that matches the sources, built by `infra/app.ts` where there is none yet;
 * several processes may ask at once. @throws SynthesisFailed
 */
export async function ensureAssembly({ onBuild, signal }: AssemblyOptions = {}): Promise<string> {
  const folder = assemblyFolder(await digestOfSources());
  if (await exists(folder)) return folder;
  await mkdir(ASSEMBLIES_FOLDER, { recursive: true });
  return await withLock(join(ASSEMBLIES_FOLDER, 'lock'), signal, async () => {
    if (await exists(folder)) return folder;
    onBuild?.();
    return await build(signal);
  });
}

const assemblyFolder = (digest: string): string => join(ASSEMBLIES_FOLDER, digest.slice(0, 16));

const exists = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined)) !== undefined;

async function build(signal?: AbortSignal): Promise<string> {
  const fresh = join(ASSEMBLIES_FOLDER, 'new');
  const before = await digestOfSources();
  // The sources have changed since they were asked for, into what another process has built.
  if (await exists(assemblyFolder(before))) return assemblyFolder(before);
  await rm(fresh, { recursive: true, force: true });
  await synthesise(fresh, signal);
  // Somebody is writing code meanwhile: what was built is of neither digest for certain.
  if ((await digestOfSources()) !== before) return await build(signal);
  await rename(fresh, assemblyFolder(before));
  await removeOldAssemblies();
  return assemblyFolder(before);
}

async function synthesise(folder: string, signal?: AbortSignal): Promise<void> {
  const app = join(PROJECT_FOLDER, 'infra', 'app.ts');
  const { exitCode, stdout, stderr } = await runProgram(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', app],
    { cwd: PROJECT_FOLDER, env: { ...process.env, CDK_OUTDIR: folder }, signal },
  );
  if (exitCode === 0) return;
  throw new SynthesisFailed(
    `the stack could not be synthesised (${relative(PROJECT_FOLDER, app)}):\n${stderr.trim() || stdout.trim()}`,
    'Correct what it complains about; "npm ci" brings the dependencies.',
  );
}

async function removeOldAssemblies(): Promise<void> {
  const names = (await readdir(ASSEMBLIES_FOLDER)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  const aged = await Promise.all(
    names.map(async (name) => {
      const path = join(ASSEMBLIES_FOLDER, name);
      return { path, builtAt: (await stat(path)).mtimeMs };
    }),
  );
  const old = aged.sort((a, b) => b.builtAt - a.builtAt).slice(KEPT_ASSEMBLIES);
  for (const { path } of old) await rm(path, { recursive: true, force: true });
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
      // What is installed there is what a lock file says, which is a source.
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => !relative(PROJECT_FOLDER, path).split(sep).includes('node_modules'));
    }),
  );
  return lists.flat().sort();
}

/** One builder at a time: whoever creates the file, which names its process, has the lock. */
async function withLock<T>(
  file: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = Date.now() + LOCK_DEADLINE_MS;
  while (!(await tookLock(file))) {
    if (Date.now() > deadline) {
      throw new SynthesisFailed(`another process has been building for long (${file})`, `Remove ${file}.`);
    }
    await sleep(LOCK_POLL_MS, undefined, { signal });
  }
  try {
    return await work();
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
