#!/usr/bin/env node
// Starts the command line on Node 24 or newer, whatever Node npx happened to use: the sources are
// TypeScript that Node 24 runs as they are.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENVIRONMENT, NODE_FLAGS } from './runtime.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundledNode = join(root, 'node_modules', 'node', 'bin', 'node');
const newEnough = Number(process.versions.node.split('.')[0]) >= 24;

if (!newEnough && !existsSync(bundledNode)) {
  console.error(
    `landfall: this is Node ${process.versions.node}; it needs Node 24, which "npm ci" in ${root} brings along.`,
  );
  process.exit(2);
}

const child = spawn(
  newEnough ? process.execPath : bundledNode,
  [...NODE_FLAGS, join(root, 'cli', 'main.ts'), ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...ENVIRONMENT, ...process.env } },
);
const INTERRUPTED = 3;
const STOPS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of STOPS) {
  // The child decides, we only wait for it. A terminal signals both of us: the child takes ours for the same.
  process.on(signal, () => child.kill(signal));
}
child.on('exit', (code, signal) => {
  // It had no handler yet.
  if (STOPS.includes(signal)) process.exit(INTERRUPTED);
  if (signal) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
});
