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
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  // The terminal sends these to the whole group; the child decides, we only wait for it.
  process.on(signal, () => {
    if (signal !== 'SIGINT') child.kill(signal);
  });
}
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal);
  else process.exit(code ?? 1);
});
