import { describe, expect, it } from 'vitest';
import { describeFinding, parseRestoreRequest } from '../../core/model/request.ts';

const POINT = `rp-20261122T093000Z-${'a'.repeat(64)}`;

describe('a restore request', () => {
  it('gets its defaults', () => {
    expect(parseRestoreRequest({ restorePoint: POINT })).toEqual({
      ok: true,
      request: {
        restorePoint: POINT,
        strategy: 'auto',
        restoreTo: 'new',
        target: { tags: {}, powerOn: true },
        disks: [],
        helper: { readBack: 'sample' },
        onFailure: 'cleanUp',
      },
    });
  });

  it('is refused with every mistake at once, each with field, value and fix', () => {
    const parsed = parseRestoreRequest({
      restorePoint: POINT,
      colour: 'blue',
      strategy: 'teleport',
      target: { subnetId: 'subnet-xyz', privateIpAddress: '10.0.0.300', size: 3 },
      disks: [{ id: 'data' }, { id: 'data', volumeType: 'gp9' }],
    });
    expect(parsed.ok).toBe(false);
    const lines = parsed.ok ? [] : parsed.findings.map(describeFinding);
    expect(lines.map((line) => line.split(':')[0]).sort()).toEqual([
      'colour = "blue"',
      'disks[1].id = "data"',
      'disks[1].volumeType = "gp9"',
      'strategy = "teleport"',
      'target.privateIpAddress = "10.0.0.300"',
      'target.size = 3',
      'target.subnetId = "subnet-xyz"',
    ]);
    expect(lines).toContain(
      'colour = "blue": is not a field of a restore request. Remove it, or correct its spelling',
    );
  });

  it.each([null, 'x', 3, [], {}])('is refused when it is %j', (input) => {
    expect(parseRestoreRequest(input).ok).toBe(false);
  });

  it('refuses tags of others', () => {
    expect(parseRestoreRequest({ restorePoint: POINT, target: { tags: { 'landfall:role': 'x' } } }).ok).toBe(
      false,
    );
  });
});
