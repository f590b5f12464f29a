import { describe, expect, test } from 'vitest';
import type { Observation } from '../../cli/restore/observe.ts';
import { progressLines } from '../../cli/restore/progress-lines.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import type { LedgerEntry } from '../../core/model/restore-record.ts';
import { ARN, entry, plan, ready, reportOf } from './helper-records.ts';

/*
 * What a person sees of a machine that VM Import makes bootable, from literal records. Disk root goes into the import,
 * disk data becomes a volume as it is.
 */
const imported = (more: Partial<Plan> = {}): Plan =>
  planSchema.parse({
    ...plan(),
    conversion: { kind: 'import-image', platform: 'linux', encrypted: false, diskIds: ['root'] },
    ...more,
  });

const rootLine = (entries: LedgerEntry[], more: Partial<Observation> = {}) =>
  progressLines({
    ...{ execution: { arn: ARN, name: 'crm01-1', status: 'RUNNING' }, plan: imported(), entries },
    ...{ attempt: { restoreId: 'crm01', attempt: 1 }, uploadedBytes: new Map(), imports: new Map() },
    ...more,
  }).find(({ label }) => label === 'root');

const WRITTEN = [ready('instance/helper-1'), ready('volume/source:root'), ready('attachment/helper-1.root')];
const SNAPSHOT = [...WRITTEN, ready('snapshot/source:root')];
const IMPORTED = [...SNAPSHOT, ready('image-import-task/imported')];

describe('a disk that goes into an import', () => {
  test('is written by the helper to a volume of another name', () => {
    const report = reportOf('working', [{ state: 'writing', doneBytes: 1_000, writtenBytes: 500 }]);
    const helper = { generation: 1, instanceId: 'i-1', report, secondsSinceNews: 1 };
    expect(rootLine(WRITTEN, { helper })).toMatchObject({ phase: 'write', doneBytes: 1_000 });
  });

  test('shows the import’s progress, as AWS tells it', () => {
    const imports = new Map([['imported', { percent: 59, message: 'booting' }]]);
    expect(rootLine([...SNAPSHOT, entry('image-import-task/imported')], { imports })).toEqual({
      ...{ label: 'root', phase: 'import as image', fraction: 0.59, note: 'booting' },
    });
  });

  test.each([
    [[...WRITTEN, entry('snapshot/source:root')], 'snapshot'],
    [SNAPSHOT, 'snapshot ready'],
    [IMPORTED, 'imported'],
    [[...IMPORTED, entry('volume/root')], 'create volume'],
    [[...IMPORTED, ready('volume/root')], 'volume ready'],
    [[...IMPORTED, ready('volume/root'), entry('attachment/root')], 'attach volume'],
    [[...IMPORTED, ready('volume/root'), ready('attachment/root')], 'attached'],
  ])('is at its own step: ledger %#', (entries, phase) => {
    expect(rootLine(entries)?.phase).toBe(phase);
  });

  test('is told of like any other by strategy upload until then', () => {
    const strategy = {
      ...{ name: 'upload', reason: 'asked', temporaryBucket: 'landfall-0123', zeroObjectBytes: 0 },
    } as const;
    const observed = { plan: imported({ strategy: planSchema.shape.strategy.parse(strategy) }) };
    expect(rootLine([ready('upload/root')], observed)?.phase).toBe('uploaded');
    expect(rootLine([ready('upload/root'), entry('image-import-task/imported')], observed)?.phase).toBe(
      'import as image',
    );
  });
});
