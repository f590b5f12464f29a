import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DiskPiece } from '../../core/repository/index.ts';
import { batchSegments } from '../../lambdas/restore/direct/batch-size.ts';
import { makePutLimiter } from '../../lambdas/restore/direct/limiter.ts';
import { type DataPiece, putBlocks } from '../../lambdas/restore/direct/put-blocks.ts';
import { fairShare, workersFor, workersOfRestore } from '../../lambdas/restore/direct/workers.ts';
import { makeWrittenTracker } from '../../lambdas/restore/direct/written-tracker.ts';
import { cutIntoBatches } from '../../lambdas/restore/upload/batches.ts';
import { AwsRefused, ServiceUnavailable } from '../../lambdas/runtime/aws-errors.ts';
import { makeVirtualClock } from '../support/virtual-clock.ts';

const BLOCK_BYTES = 524_288;
const GIB = 1_024 ** 3;
const TIB = 1_024 ** 4;

const awsError = (name: string, Reason?: string, httpStatusCode = 400): Error =>
  Object.assign(new Error(name), { name, Reason, $metadata: { httpStatusCode } });

/** Pieces of a disk of so many blocks, of which every third is zero. */
function* pieces(blocks: number): Generator<DiskPiece> {
  for (let block = 0; block < blocks; block += 1) {
    const offset = block * BLOCK_BYTES;
    if (block % 3 === 2) yield { kind: 'zeros', offset, length: BLOCK_BYTES };
    else yield { kind: 'data', offset, bytes: new Uint8Array(BLOCK_BYTES), digest: new Uint8Array(32) };
  }
}

async function* asRead(blocks: Iterable<DiskPiece>): AsyncGenerator<DiskPiece> {
  yield* blocks;
}

interface Run {
  readonly outcome: string | Error;
  /** Blocks in the order their puts ended well. */
  readonly written: readonly number[];
  readonly tries: number;
  readonly offset: number;
  readonly blocks: number;
  /** Puts that were under way when it ended. */
  readonly left: number;
  readonly endedMs: number;
}

/** Puts pieces in virtual time; `answer` may throw for the n-th try of a block. */
async function run(
  read: AsyncGenerator<DiskPiece>,
  {
    answer = () => undefined,
    stop = new AbortController(),
  }: { answer?: (block: number, tries: number, nowMs: number) => void; stop?: AbortController } = {},
): Promise<Run> {
  const clock = makeVirtualClock();
  const tracker = makeWrittenTracker({ offset: 0, blocks: 0 });
  const triesOf = new Map<number, number>();
  const written: number[] = [];
  let left = 0;
  const put = async ({ offset }: DataPiece): Promise<void> => {
    const block = offset / BLOCK_BYTES;
    const tries = (triesOf.get(block) ?? 0) + 1;
    triesOf.set(block, tries);
    left += 1;
    // Later blocks may be done first.
    await clock.sleep(50 + ((block * 37) % 100));
    left -= 1;
    answer(block, tries, clock.now());
    written.push(block);
  };
  const limiter = makePutLimiter({
    workers: { ofSnapshot: 4, ofRestore: 4 },
    accountPutsPerSecond: 1_000,
    clock,
    random: Math.random,
    signal: stop.signal,
  });
  const options = { pieces: read, put, limiter, clock, random: Math.random, signal: stop.signal, tracker };
  let endedMs = 0;
  const ended = putBlocks(options)
    .catch((error: Error) => error)
    .finally(() => {
      endedMs = clock.now();
    });
  await clock.run(10 * 3_600_000);
  const outcome = await ended;
  const tries = [...triesOf.values()].reduce((sum, count) => sum + count, 0);
  return { outcome, written, tries, ...tracker.written(), left, endedMs };
}

const DATA = (blocks: number): number[] =>
  Array.from({ length: blocks }, (_, block) => block).filter((block) => block % 3 !== 2);

describe('the puts of a batch', () => {
  it('are one for each block that is not zero', async () => {
    const { outcome, written, tries, offset, blocks } = await run(asRead(pieces(300)));
    expect(outcome).toBe('finished');
    expect([...written].sort((a, b) => a - b)).toEqual(DATA(300));
    expect(tries).toBe(200);
    expect({ offset, blocks }).toEqual({ offset: 300 * BLOCK_BYTES, blocks: 200 });
  });

  it.each([
    ['RequestThrottledException', 'RESOURCE_LEVEL_THROTTLE'],
    ['RequestThrottledException', 'ACCOUNT_THROTTLED'],
    ['ThrottlingException', undefined],
  ])('never fail by being turned away: %s %s', async (name, reason) => {
    const { outcome, written } = await run(asRead(pieces(30)), {
      answer: (_block, tries) => {
        if (tries <= 50) throw awsError(name, reason);
      },
    });
    expect(outcome).toBe('finished');
    expect([...written].sort((a, b) => a - b)).toEqual(DATA(30));
  });

  it.each([
    ['no answer', awsError('TimeoutError')],
    ['a cut connection', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })],
    ['an error of the service', awsError('InternalServerException', undefined, 500)],
    ['an earlier try that is still at it', awsError('ValidationException', 'CONFLICTING_BLOCK_UPDATE')],
    ['data that came too slowly', awsError('ValidationException', 'WRITE_REQUEST_TIMEOUT')],
  ])('are tried again after %s', async (_what, error) => {
    const { outcome, tries } = await run(asRead(pieces(30)), {
      answer: (block, number) => {
        if (block === 7 && number <= 7) throw error;
      },
    });
    expect(outcome).toBe('finished');
    expect(tries).toBe(20 + 7);
  });

  it('fail when a block fails again and again; then none is under way', async () => {
    const { outcome, tries, offset, left } = await run(asRead(pieces(3_000)), {
      answer: (block) => {
        if (block === 100) throw awsError('InternalServerException', undefined, 500);
      },
    });
    expect(outcome).toBeInstanceOf(ServiceUnavailable);
    expect(left).toBe(0);
    expect(offset).toBe(100 * BLOCK_BYTES);
    expect(tries).toBeLessThan(3_000);
  });

  it('fail at once when EBS refuses a block', async () => {
    const { outcome, tries, offset, left } = await run(asRead(pieces(3_000)), {
      answer: (block) => {
        if (block === 100) throw awsError('ValidationException', 'INVALID_BLOCK');
      },
    });
    expect(outcome).toBeInstanceOf(AwsRefused);
    expect(left).toBe(0);
    expect(offset).toBe(100 * BLOCK_BYTES);
    expect(tries).toBeLessThan(200);
  });

  it('fail with what reading fails with; then none is under way', async () => {
    const damaged = new Error('damaged');
    async function* read(): AsyncGenerator<DiskPiece> {
      yield* pieces(90);
      throw damaged;
    }
    const { outcome, offset, written, left } = await run(read());
    expect(outcome).toBe(damaged);
    expect(left).toBe(0);
    const before = DATA(90).filter((block) => block * BLOCK_BYTES < offset);
    expect(before.length).toBeGreaterThan(20);
    expect(before.every((block) => written.includes(block))).toBe(true);
  });

  it('end when time is up: what is under way is seen to its end, and nothing is taken for written that is not', async () => {
    const stop = new AbortController();
    const { outcome, written, offset, blocks, left } = await run(asRead(pieces(3_000)), {
      stop,
      answer: (block) => {
        if (block === 100) stop.abort();
      },
    });
    expect(outcome).toBe('out-of-time');
    expect(left).toBe(0);
    const before = DATA(3_000).filter((block) => block * BLOCK_BYTES < offset);
    expect(before.length).toBeGreaterThan(60);
    expect(before.every((block) => written.includes(block))).toBe(true);
    expect(blocks).toBe(before.length);
    expect(written.length).toBeLessThan(200);
  });

  it('end when time is up while they wait for what is read', async () => {
    const stop = new AbortController();
    async function* read(): AsyncGenerator<DiskPiece> {
      yield* pieces(30);
      stop.abort(new DOMException('time is up', 'TimeoutError'));
      throw stop.signal.reason;
    }
    const { outcome, offset } = await run(read(), { stop });
    expect(outcome).toBe('out-of-time');
    expect(offset).toBeLessThanOrEqual(30 * BLOCK_BYTES);
  });

  it('end when time is up while they are turned away', async () => {
    const stop = new AbortController();
    const { outcome, offset } = await run(asRead(pieces(3_000)), {
      stop,
      answer: (_block, tries) => {
        if (tries === 20) stop.abort();
        throw awsError('ThrottlingException');
      },
    });
    expect({ outcome, offset }).toEqual({ outcome: 'out-of-time', offset: 0 });
  });

  it('end within seconds when time is up, however slow the pace has become', async () => {
    const stop = new AbortController();
    let stoppedMs = 0;
    const { outcome, endedMs } = await run(asRead(pieces(3_000)), {
      stop,
      answer: (_block, tries, nowMs) => {
        if (tries === 40 && !stop.signal.aborted) {
          stop.abort();
          stoppedMs = nowMs;
        }
        throw awsError('ThrottlingException');
      },
    });
    expect(outcome).toBe('out-of-time');
    expect(endedMs - stoppedMs).toBeLessThan(5_000);
  });
});

describe('what a batch notes as written', () => {
  it('is never more than what is, whatever the order in which puts end', () => {
    const property = fc.property(
      fc.array(fc.record({ isData: fc.boolean(), endsAfter: fc.nat(20) }), { minLength: 1, maxLength: 60 }),
      (disk) => {
        const tracker = makeWrittenTracker({ offset: 0, blocks: 0 });
        const done = new Set<number>();
        const underWay: { place: number; endsAt: number }[] = [];
        const check = (): void => {
          const { offset, blocks } = tracker.written();
          const before = disk.slice(0, offset).flatMap(({ isData }, place) => (isData ? [place] : []));
          expect(before.every((place) => done.has(place))).toBe(true);
          expect(blocks).toBe(before.length);
        };
        for (const [place, { isData, endsAfter }] of disk.entries()) {
          if (isData) {
            tracker.begin(place, place + 1);
            underWay.push({ place, endsAt: place + endsAfter });
          } else tracker.pass(place + 1);
          for (const put of underWay.filter(({ endsAt }) => endsAt === place)) {
            done.add(put.place);
            tracker.finish(put.place);
          }
          check();
        }
        for (const { place } of underWay.filter((put) => !done.has(put.place))) {
          done.add(place);
          tracker.finish(place);
          check();
        }
        expect(tracker.written().offset).toBe(disk.length);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

describe('how many write at once', () => {
  const workers = (sizes: number[], accountPutsPerSecond: number): number[] => {
    const disks = sizes.map((size) => ({ size }));
    return disks.map((disk) => workersFor(disk, { disks, accountPutsPerSecond }));
  };

  it.each<[string, number[], number, number[]]>([
    ['one disk', [TIB], 1_000, [12]],
    ['five disks in an account that has five limits', [TIB, TIB, TIB, TIB, TIB], 5_000, [12, 12, 12, 12, 12]],
    ['two disks that share one limit', [TIB, TIB], 1_000, [6, 6]],
    ['a large disk beside a small one', [2 * TIB, 8 * GIB], 1_000, [12, 4]],
    ['a large disk beside a small one, with room for both', [2 * TIB, 8 * GIB], 5_000, [12, 4]],
  ])('%s', (_what, sizes, account, expected) => expect(workers(sizes, account)).toEqual(expected));

  it('is never more than a Region’s thousand Lambdas can bear', () => {
    const disks = Array.from({ length: 60 }, () => ({ size: TIB }));
    expect(workersOfRestore({ disks, accountPutsPerSecond: 1_000 })).toBe(80);
    expect(workersOfRestore({ disks, accountPutsPerSecond: 100_000 })).toBe(240);
  });
});

describe('the batches of a disk', () => {
  const SEGMENT_BLOCKS = 2_048;
  const cases = fc.record({
    gib: fc.integer({ min: 1, max: 65_536 }),
    others: fc.array(fc.integer({ min: 1, max: 16_384 }), { maxLength: 8 }),
    account: fc.constantFrom(1_000, 5_000, 20_000),
  });

  it('are written well within a Lambda’s time, fit into a state, and are all of the disk', () => {
    const property = fc.property(cases, ({ gib, others, account }) => {
      const disk = { size: gib * GIB };
      const restore = {
        disks: [disk, ...others.map((size) => ({ size: size * GIB }))],
        accountPutsPerSecond: account,
      };
      const share = fairShare(disk, restore);
      const segments = batchSegments({ segmentCount: gib, segmentBytes: GIB as never }, share);
      const batches = cutIntoBatches(gib, segments);
      expect(batches.at(0)?.from).toBe(0);
      expect(batches.at(-1)?.to).toBe(gib);
      expect(JSON.stringify(batches).length).toBeLessThan(150_000);
      // A single segment is the least there is; and a disk of terabytes in company that leaves it little is cut off, and goes on.
      const isSmallest = segments === 1 || segments === Math.ceil(gib / 4_000);
      if (!isSmallest) expect((segments * SEGMENT_BLOCKS) / share).toBeLessThanOrEqual(600);
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('of a disk alone take five minutes, whatever its size', () => {
    for (const gib of [1, 8, 100, 1_024, 16_384, 65_536]) {
      const disk = { size: gib * GIB };
      const share = fairShare(disk, { disks: [disk], accountPutsPerSecond: 1_000 });
      const segments = batchSegments({ segmentCount: gib, segmentBytes: GIB as never }, share);
      expect((segments * SEGMENT_BLOCKS) / share, `${gib} GiB`).toBeLessThanOrEqual(420);
    }
  });
});
