import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DamagedRecords, openRecords } from '../../../local/records.ts';

let folder: string;
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-records-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const newFile = () => {
  files += 1;
  return join(folder, `records-${files}.jsonl`);
};
const openNumbers = (file: string) =>
  openRecords<number>({
    file,
    parse: (value) => {
      if (typeof value !== 'number') throw new Error('not a number');
      return value;
    },
  });

test('whatever was set and deleted is there after opening again', async () => {
  const change = fc.tuple(fc.constantFrom('a', 'b', 'c/d', '__proto__', 'é\n"'), fc.option(fc.integer()));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 10 }), { maxLength: 4 }), async (sessions) => {
      const file = newFile();
      const expected = new Map<string, number>();
      for (const changes of sessions) {
        const records = await openNumbers(file);
        expect(new Map(records.entries())).toEqual(expected);
        for (const [name, value] of changes) {
          if (value === null) {
            records.delete(name);
            expected.delete(name);
          } else {
            records.set(name, value);
            expected.set(name, value);
          }
        }
        await records.close();
      }
      const last = await openNumbers(file);
      expect(new Map(last.entries())).toEqual(expected);
      await last.close();
    }),
    { numRuns: 25 },
  );
});

test('a change is in the file once flush resolves, without closing', async () => {
  const file = newFile();
  const records = await openNumbers(file);
  records.set('one', 1);
  records.set('two', 2);
  records.delete('one');
  await records.flush();
  expect(await readFile(file, 'utf8')).toBe('["one",1]\n["two",2]\n["one"]\n');
  await records.close();
});

test('a record that changes for ever does not make the file grow for ever', async () => {
  const file = newFile();
  const records = await openNumbers(file);
  for (let round = 0; round < 30; round += 1) {
    for (let i = 0; i < 1_000; i += 1) records.set('counter', round * 1_000 + i);
    await records.flush();
  }
  expect((await stat(file)).size).toBeLessThan(200_000);
  await records.close();
  const again = await openNumbers(file);
  expect(again.get('counter')).toBe(29_999);
  await again.close();
});

test('a last line cut short is left out, and what comes after it is kept', async () => {
  const file = newFile();
  await writeFile(file, '["a",1]\n["b",2');
  const records = await openNumbers(file);
  expect([...records.entries()]).toEqual([['a', 1]]);
  records.set('c', 3);
  await records.close();
  const again = await openNumbers(file);
  expect([...again.entries()]).toEqual([
    ['a', 1],
    ['c', 3],
  ]);
  await again.close();
});

test.each(['["a",1]\nnonsense\n["b",2]\n', '["a","text"]\n', '[1]\n'])(
  'damage is said, not skipped: %j',
  async (text) => {
    const file = newFile();
    await appendFile(file, text);
    await expect(openNumbers(file)).rejects.toThrow(DamagedRecords);
  },
);
