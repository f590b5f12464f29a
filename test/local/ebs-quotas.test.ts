import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AWS_EBS_RATES, makeEbsThrottle, takeTokens } from '../../local/ebs/quota-model.ts';
import { blockOf, openTestEbs, putDirectly, refusal, type TestEbs } from './ebs-harness.ts';

describe('a token bucket', () => {
  it('never grants more than a second of its rate and what flowed in since', () => {
    const steps = fc.array(fc.record({ waitMs: fc.nat(2_000), cost: fc.integer({ min: 1, max: 40 }) }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), steps, (perSecond, requests) => {
        // The second implementation counts whole thousandths of tokens, by small steps of time.
        let milliTokens = perSecond * 1000;
        let nowMs = 0;
        let bucket: ReturnType<typeof takeTokens>['bucket'] | undefined;
        for (const { waitMs, cost } of requests) {
          nowMs += waitMs;
          for (let i = 0; i < waitMs; i += 1) {
            milliTokens = Math.min(perSecond * 1000, milliTokens + perSecond);
          }
          const wanted = milliTokens >= cost * 1000;
          if (wanted) milliTokens -= cost * 1000;
          const taken = takeTokens(bucket, { perSecond, nowMs, cost });
          bucket = taken.bucket;
          expect(taken.granted).toBe(wanted);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('fills nothing when the clock runs backwards', () => {
    const empty = takeTokens(undefined, { perSecond: 10, nowMs: 5_000, cost: 10 }).bucket;
    expect(takeTokens(empty, { perSecond: 10, nowMs: 1_000, cost: 1 })).toEqual({
      granted: false,
      bucket: { tokens: 0, atMs: 5_000 },
    });
    expect(takeTokens(empty, { perSecond: 10, nowMs: 5_100, cost: 1 }).granted).toBe(true);
  });
});

describe('the quotas as a model', () => {
  /** How many puts are admitted in `seconds` when each of the snapshots is offered so many a second, evenly. */
  function admitted(seconds: number, offers: ReadonlyMap<string, number>) {
    const throttle = makeEbsThrottle(AWS_EBS_RATES);
    const seen = { granted: 0, snapshot: 0, account: 0 };
    for (let ms = 0; ms < seconds * 1000; ms += 1) {
      for (const [snapshotId, perSecond] of offers) {
        for (let i = 0; i < perSecond / 1000; i += 1) {
          const throttled = throttle.admit({ operation: 'PutSnapshotBlock', snapshotId, nowMs: ms });
          seen[throttled ?? 'granted'] += 1;
        }
      }
    }
    return seen;
  }

  it('let one snapshot have 1,000 puts a second, after a second at once', () => {
    // Offered 3,000 a second for 60 s: the burst, and what flows in until the last millisecond.
    const { granted, snapshot, account } = admitted(60, new Map([['snap-1', 3_000]]));
    expect(granted).toBe(1_000 + 59_999);
    expect(granted + snapshot).toBe(180_000);
    expect(account).toBe(0);
  });

  it('let an account have 5,000, however many snapshots it writes', () => {
    const ten = new Map(Array.from({ length: 10 }, (_, i) => [`snap-${i}`, 1_000]));
    const { granted, snapshot, account } = admitted(10, ten);
    expect(granted).toBe(5_000 + 5 * 9_999);
    expect(snapshot).toBe(0);
    expect(granted + account).toBe(100_000);
  });

  it('count each kind of request for itself', () => {
    const throttle = makeEbsThrottle({ startsPerAccount: 1, listsPerAccount: 1, getsPerSnapshot: 1 });
    const admit = (operation: Parameters<typeof throttle.admit>[0]['operation'], snapshotId?: string) =>
      throttle.admit({ operation, snapshotId, nowMs: 0 });
    expect([admit('StartSnapshot'), admit('StartSnapshot')]).toEqual([undefined, 'account']);
    expect([admit('ListSnapshotBlocks'), admit('ListChangedBlocks')]).toEqual([undefined, undefined]);
    expect([admit('ListSnapshotBlocks'), admit('ListChangedBlocks')]).toEqual(['account', 'account']);
    expect([admit('GetSnapshotBlock', 'a'), admit('GetSnapshotBlock', 'b')]).toEqual([undefined, undefined]);
    expect(admit('GetSnapshotBlock', 'a')).toBe('snapshot');
    // No limit was set for puts.
    for (let i = 0; i < 10; i += 1) expect(admit('PutSnapshotBlock', 'a')).toBeUndefined();
  });
});

describe('the quotas of the service', () => {
  let ebs: TestEbs;
  beforeEach(async () => {
    ebs = await openTestEbs();
  });
  afterEach(() => ebs.close());

  it('are off until they are set, and then answer with an error for each of them', async () => {
    for (let i = 0; i < 20; i += 1) await ebs.api.startSnapshot({ VolumeSize: 1 });
    let nowMs = 0;
    const rates = { startsPerAccount: 2, putsPerSnapshot: 2, putsPerAccount: 3 };
    ebs.service.quotas = { rates, clock: () => nowMs };
    const start = async () => (await ebs.api.startSnapshot({ VolumeSize: 1 })).SnapshotId;
    const [one, other] = [await start(), await start()];
    expect(await refusal(start())).toEqual({
      name: 'ThrottlingException',
      reason: 'ACCOUNT_THROTTLED',
      status: 400,
    });
    const put = (snapshotId: string | undefined, block: number) =>
      putDirectly(ebs, snapshotId, block, blockOf(1));
    await put(one, 0);
    await put(one, 1);
    expect(await refusal(put(one, 2))).toEqual({
      name: 'RequestThrottledException',
      reason: 'RESOURCE_LEVEL_THROTTLE',
      status: 400,
    });
    await put(other, 0);
    expect(await refusal(put(other, 1))).toMatchObject({ name: 'ThrottlingException' });
    nowMs = 500;
    await put(one, 2);
    ebs.service.quotas = {};
    for (let block = 0; block < 10; block += 1) await put(other, block);
  });
});
