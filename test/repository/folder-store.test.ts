import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeFolderStore } from '../../core/repository/folder-store.ts';
import { makeMemoryStore } from './memory-store.ts';
import { describeStoreContract } from './store-contract.ts';

describeStoreContract('a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'landfall-store-'));
  const store = makeFolderStore({ folder: join(folder, 'not', 'there', 'yet') });
  const other = makeFolderStore({ folder: join(folder, 'not', 'there', 'yet') });
  return { store, other, stop: () => rm(folder, { recursive: true }) };
});

describeStoreContract('the memory of a test', async () => {
  const store = makeMemoryStore();
  return { store, other: store, stop: async () => undefined };
});

describe('a folder store', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landfall-store-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const listed = async () => {
    const keys: string[] = [];
    for await (const { key } of makeFolderStore({ folder }).list('')) keys.push(key);
    return keys;
  };

  test('an object is a plain file under its key', async () => {
    await makeFolderStore({ folder }).put('packs/ab/abc', Buffer.from('content'));
    expect(await readdir(join(folder, 'packs', 'ab'))).toEqual(['abc']);
    // Nothing of the way it was written is left.
    expect(await readdir(join(folder, '.incoming'))).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')('a new folder is for its owner alone', async () => {
    const fresh = join(folder, 'fresh');
    await makeFolderStore({ folder: fresh }).put('packs/ab/abc', Buffer.from('content'));
    expect((await stat(fresh)).mode & 0o777).toBe(0o700);
  });

  test.skipIf(process.platform === 'win32')(
    'a folder that is there stays as open as its owner made it',
    async () => {
      await chmod(folder, 0o755);
      const umask = process.umask(0o022);
      try {
        await makeFolderStore({ folder }).put('packs/ab/abc', Buffer.from('content'));
      } finally {
        process.umask(umask);
      }
      expect((await stat(folder)).mode & 0o777).toBe(0o755);
      expect((await stat(join(folder, 'packs', 'ab'))).mode & 0o777).toBe(0o755);
    },
  );

  test('a killed writer leaves nothing that is listed, and it is cleared away after a day', async () => {
    await mkdir(join(folder, '.incoming'));
    await writeFile(join(folder, '.incoming', 'old'), 'half an obj');
    await writeFile(join(folder, '.incoming', 'new'), 'half an obj');
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
    await utimes(join(folder, '.incoming', 'old'), yesterday, yesterday);
    expect(await listed()).toEqual([]);
    await makeFolderStore({ folder }).put('key', Buffer.from('x'));
    expect(await readdir(join(folder, '.incoming'))).toEqual(['new']);
    expect(await listed()).toEqual(['key']);
  });

  test('files that are no objects are not listed', async () => {
    await makeFolderStore({ folder }).put('leases/one', Buffer.from('x'));
    await writeFile(join(folder, 'leases', '.DS_Store'), 'x');
    await writeFile(join(folder, 'leases', 'with space'), 'x');
    await symlink('/etc/passwd', join(folder, 'leases', 'link'));
    expect(await listed()).toEqual(['leases/one']);
  });

  test('a listing of a folder that does not exist is empty', async () => {
    const store = makeFolderStore({ folder: join(folder, 'nowhere') });
    for await (const object of store.list('')) expect(object).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  test.skipIf(process.getuid?.() === 0)('a folder that must not be written to is named', async () => {
    await chmod(folder, 0o500);
    const store = makeFolderStore({ folder });
    await expect(store.put('key', Buffer.from('x'))).rejects.toMatchObject({ name: 'StoreAccessDenied' });
    await chmod(folder, 0o700);
    // Tried anew, not remembered.
    expect(await store.put('key', Buffer.from('x'))).toBe('written');
  });

  test('what the file system refuses is a StoreFailed that names the object', async () => {
    const store = makeFolderStore({ folder });
    await store.put('file', Buffer.from('x'));
    // A file stands where the key's folder would have to be.
    for (const key of ['file/below', 'file/deep/below']) {
      await expect(store.put(key, Buffer.from('x'))).rejects.toMatchObject({
        name: 'StoreFailed',
        message: expect.stringContaining(key),
      });
    }
  });
});
