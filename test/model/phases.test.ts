import { expect, it } from 'vitest';
import { type LedgerEntry, phasesOf } from '../../core/model/restore-record.ts';

const entry = (more: Partial<LedgerEntry>): LedgerEntry => ({
  kind: 'order',
  name: 'helper-1',
  step: 'order-helper',
  executionArn: 'arn',
  intendedAt: '2026-01-01T10:00:00.000Z',
  triedAt: '2026-01-01T10:00:00.000Z',
  createdAt: '2026-01-01T10:00:01.000Z',
  ...more,
});

it('takes the writing of disks for under way until the helper is done, not for over once it has its orders', () => {
  const [writing] = phasesOf({ entries: [entry({})] });
  expect(writing).toEqual({ phase: 'write disks', startedAt: '2026-01-01T10:00:00.000Z' });
  const [written] = phasesOf({ entries: [entry({ readyAt: '2026-01-01T12:00:00.000Z' })] });
  expect(written?.endedAt).toBe('2026-01-01T12:00:00.000Z');
});

it('takes what is made at once for over when it was made', () => {
  const [stopped] = phasesOf({
    entries: [entry({ kind: 'instance', name: 'target', step: 'launch-target' })],
  });
  expect(stopped?.endedAt).toBe('2026-01-01T10:00:01.000Z');
});
