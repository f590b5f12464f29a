import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { namingFullDisk } from '../../cli/disk-full.ts';

test.runIf(existsSync('/dev/full'))('a full disk is told with the place', async () => {
  await expect(namingFullDisk('/mnt/small', () => writeFile('/dev/full', 'x'))).rejects.toMatchObject({
    name: 'DiskFull',
    message: 'no space is left where /mnt/small is: ENOSPC: no space left on device, write',
  });
});

test('what else goes wrong stays what it is', async () => {
  const error = new Error('other');
  await expect(namingFullDisk('/', () => Promise.reject(error))).rejects.toBe(error);
});
