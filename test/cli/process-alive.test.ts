import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { isAlive } from '../../cli/process-alive.ts';

test('this process is alive, and one that nobody has started is not', () => {
  expect([isAlive(process.pid), isAlive(2 ** 22 + 1)]).toEqual([true, false]);
});

test.runIf(existsSync('/proc/self/stat'))(
  'a process that has ended and that its parent never asks for is not',
  async () => {
    // The shell has become another program, which never asks, before its child ends.
    const script = 'sleep 0.2 & echo $!; exec sleep 60';
    const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [pid] = await once(parent.stdout.setEncoding('utf8'), 'data');
      await vi.waitFor(() => expect(isAlive(Number(pid))).toBe(false), 10_000);
      // It is still there, though.
      expect(() => process.kill(Number(pid), 0)).not.toThrow();
    } finally {
      parent.kill('SIGKILL');
    }
  },
);
