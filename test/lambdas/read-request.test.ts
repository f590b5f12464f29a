import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRestoreRequest, restoreRequestSchema } from '../../core/model/request.ts';
import { isStandInDisk, readRequest } from '../../lambdas/restore/plan/read-request.ts';

const POINT = { workload: 'web01' };
const read = (request: object) => readRequest({ restorePoint: POINT, ...request });

describe('a request with mistakes of form', () => {
  it('is read without them, and all of them are told', () => {
    const { request, findings, namesRestorePoint } = read({
      colour: 'blue',
      restoreId: 'a b',
      strategy: 'teleport',
      target: { subnetId: 'x', keyName: 'k', securityGroupIds: ['sg-0123456789abcdef0', 'y'], size: 1 },
      helper: { readBack: 'some', instanceType: 'c8g.large' },
      reason: 7,
    });
    expect(namesRestorePoint).toBe(true);
    expect(findings.map(({ field }) => field).sort()).toEqual([
      'colour',
      'helper.readBack',
      'reason',
      'restoreId',
      'strategy',
      'target.securityGroupIds[1]',
      'target.size',
      'target.subnetId',
    ]);
    expect(request).toEqual(
      restoreRequestSchema.parse({
        restorePoint: POINT,
        target: { keyName: 'k' },
        helper: { instanceType: 'c8g.large' },
      }),
    );
  });

  it('keeps the places of the disks that are good', () => {
    const { request, findings } = read({
      disks: [{ id: '.' }, 'text', { id: 'data', iops: 'many', throughput: 500 }, { id: 'data' }],
    });
    expect(findings.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['disks[0].id', 'disks[1]', 'disks[2].iops', 'disks[3].id']),
    );
    const disks = request?.disks ?? [];
    expect(disks.map(({ id }) => (isStandInDisk(id) ? 'stand-in' : id))).toEqual([
      'stand-in',
      'stand-in',
      'data',
      'stand-in',
    ]);
    expect(disks[2]).toMatchObject({ throughput: 500 });
    expect(disks[2]?.iops).toBeUndefined();
  });

  it('may not say which restore point is meant', () => {
    const unnamed = readRequest({ target: { keyName: 'k' }, restorePoint: 7 });
    expect(unnamed).toMatchObject({ namesRestorePoint: false, request: { target: { keyName: 'k' } } });
    for (const nothing of [null, 7, 'text', []]) {
      expect(readRequest(nothing)).toMatchObject({ request: undefined, namesRestorePoint: false });
    }
  });

  it('is never changed itself', () => {
    const input = { restorePoint: POINT, disks: [{ id: 'a', iops: 'x' }], colour: 'blue' };
    const before = JSON.stringify(input);
    readRequest(input);
    expect(JSON.stringify(input)).toBe(before);
  });
});

describe('any JSON at all', () => {
  const key = fc.constantFrom(
    ...['restorePoint', 'restoreId', 'strategy', 'target', 'disks', 'helper', 'id', 'iops', 'tags'],
    ...['subnetId', 'securityGroupIds', 'workload', 'at', 'metadataOptions', 'x'],
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, 7, '', 'web01', 'auto', 'subnet-0123456789abcdef0', 'root'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    ),
  }));

  it('is read or not, but never without a word, and what is read is a request', () => {
    fc.assert(
      fc.property(value, (input) => {
        const { request, findings } = readRequest(input);
        const parsed = parseRestoreRequest(input);
        expect(findings.length > 0).toBe(!parsed.ok);
        if (parsed.ok) expect(request).toEqual(parsed.request);
        // What was left out left a request behind: it may be parsed again from its own output.
        else if (request) expect(typeof request.restorePoint).toMatch(/string|object/);
      }),
      { numRuns: 500 },
    );
  });

  it('of a request’s outer form is always read', () => {
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 6 }), (input) => {
        expect(readRequest(input).request).toBeDefined();
      }),
      { numRuns: 500 },
    );
  });
});
