import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const APPLIANCE = join(dirname(dirname(import.meta.dirname)), 'helper', 'appliance');

/** What the scripts may really run: nothing of it touches more than the files it is given. */
const REAL = [
  'bash',
  'cat',
  'cp',
  'dirname',
  'gzip',
  'install',
  'ln',
  'mkdir',
  'rm',
  'sed',
  'sha256sum',
  'tail',
  'tar',
];

/** Stand-ins, by name. Each writes its name and arguments to the log of calls first. `$SANDBOX` is the sandbox's folder. */
const STAND_INS: Readonly<Record<string, string>> = {
  // Time is a file: only sleep moves it.
  date: '[[ $* == +%s ]]; cat "$SANDBOX/now"',
  sleep: 'echo $(($(<"$SANDBOX/now") + $1)) >"$SANDBOX/now"',
  timeout: 'shift; "$@"',
  curl: `case "\${*: -1}" in
    http://169.254.169.254/latest/api/token) [[ $* == *"-X PUT"* ]]; echo a-token ;;
    http://169.254.169.254/latest/meta-data/instance-id) [[ $* == *"X-aws-ec2-metadata-token: a-token"* ]]; cat "$SANDBOX/instance-id" ;;
    *) exit 22 ;;
  esac`,
  aws: `left=$(<"$SANDBOX/aws-failures")
  if [[ $left -gt 0 ]]; then echo $((left - 1)) >"$SANDBOX/aws-failures"; echo "Connect timeout" >&2; exit 1; fi
  cp "$SANDBOX/bundle.tar.gz" "$4"`,
  shutdown: 'exit "$(<"$SANDBOX/shutdown-status")"',
  // What is in place at the moment the program starts.
  systemctl: 'if [[ $1 == start ]]; then cp -R "$SANDBOX/root" "$SANDBOX/root-at-start"; fi',
  udevadm: '',
  swapoff: '',
  sysctl: '',
  findmnt: 'echo /dev/nvme0n1p1',
  lsblk: 'cat "$SANDBOX/lsblk"',
};

/** Paths of the machine that the scripts use: in the sandbox they are below its own root. */
const MACHINE_PATH = /(?<![\w/.}$])\/(?:var\/log|opt|root|etc|run|dev\/console)(?=[/\s"';]|$)/gm;

export interface Sandbox {
  /** Folder that stands for the machine's root. */
  readonly root: string;
  /** SHA-256 of the bundle that `aws` fetches: the real bring-up, around a program that is none. */
  readonly bundleSha256: string;
  /** Sets what the stand-ins go by. */
  set(name: 'aws-failures' | 'instance-id' | 'lsblk' | 'now' | 'shutdown-status', value: string): void;
  /** Runs a script as cloud-init would. */
  run(script: string): { readonly status: number | null; readonly calls: string[]; readonly console: string };
  read(path: string): string;
  /** A copy of the root as it was when the service was started; none when it was not. */
  readAtStart(path: string): string;
  has(path: string): boolean;
  remove(): void;
}

/** A folder in which user data and bring-up really run, on stand-ins for all that is the machine's. */
export function makeSandbox(): Sandbox {
  const folder = mkdtempSync(join(tmpdir(), 'landfall-appliance-'));
  const root = join(folder, 'root');
  const bin = join(folder, 'bin');
  for (const path of [
    bin,
    join(root, 'var/log'),
    join(root, 'opt'),
    join(root, 'dev'),
    join(root, 'etc/systemd/system'),
  ]) {
    mkdirSync(path, { recursive: true });
  }
  mkdirSync(join(root, 'run'));
  for (const name of REAL) symlinkSync(findProgram(name), join(bin, name));
  for (const [name, body] of Object.entries(STAND_INS)) {
    const file = join(bin, name);
    writeFileSync(file, `#!${findProgram('bash')}\nset -e\necho "${name} $*" >>"$SANDBOX/calls"\n${body}\n`);
    chmodSync(file, 0o755);
  }
  const set: Sandbox['set'] = (name, value) => writeFileSync(join(folder, name), value);
  set('now', '1800000000');
  set('instance-id', 'i-0123456789abcdef0');
  set('aws-failures', '0');
  set('shutdown-status', '0');
  set('lsblk', 'nvme0n1p1 part\nnvme0n1   disk\n');
  return {
    root,
    bundleSha256: makeBundle(folder, root),
    set,
    run(script) {
      const text = inSandbox(script, root);
      writeFileSync(join(folder, 'script'), text);
      const env = { PATH: bin, SANDBOX: folder };
      const { status, error } = spawnSync(findProgram('bash'), [join(folder, 'script')], {
        env,
        timeout: 30_000,
      });
      if (error) throw error;
      return {
        status,
        calls: linesOf(join(folder, 'calls')),
        console: linesOf(join(root, 'dev/console')).join('\n'),
      };
    },
    read: (path) => readFileSync(join(root, path), 'utf8'),
    readAtStart: (path) => readFileSync(join(folder, 'root-at-start', path), 'utf8'),
    has: (path) => existsSync(join(root, path)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A bundle whose scripts know the sandbox's root for the machine's. Returns its SHA-256. */
function makeBundle(folder: string, root: string): string {
  const top = join(folder, 'landfall-helper');
  cpSync(APPLIANCE, top, { recursive: true });
  for (const name of readdirSync(top).filter((file) => file.endsWith('.sh'))) {
    const file = join(top, name);
    writeFileSync(file, inSandbox(readFileSync(file, 'utf8'), root));
  }
  const bundle = join(folder, 'bundle.tar.gz');
  execFileSync('tar', ['-czf', bundle, '-C', folder, 'landfall-helper']);
  return execFileSync('sha256sum', [bundle], { encoding: 'utf8' }).slice(0, 64);
}

/** @throws Error when the script would still touch the machine */
function inSandbox(script: string, root: string): string {
  const text = script.replaceAll(MACHINE_PATH, (path) => `${root}${path}`);
  const left = text
    .replace(/^#.*$/gm, '')
    .replaceAll(root, '')
    .match(/(?<=[\s"'=>])\/(?!var|opt|root|etc|run|dev\/(?:console|null)|dev\/nvme)\w+/g);
  if (left) throw new Error(`the script uses ${left.join(', ')}`);
  return text;
}

function findProgram(name: string): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`there is no ${name} here`);
  return found;
}

const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
