import { describe, expect, test } from 'vitest';
import { parseHelperArguments } from '../../helper/arguments.ts';
import { limitsFor } from '../../helper/life/limits.ts';

const folder = 's3://control-bucket/helpers/AROAEXAMPLE:i-0aa/';
const good = ['--folder', folder, '--instance-id', 'i-0aa'];

describe('the arguments of the program', () => {
  test('are parsed', () => {
    expect(parseHelperArguments(good)).toEqual({
      bucket: 'control-bucket',
      folder: 'helpers/AROAEXAMPLE:i-0aa/',
      instanceId: 'i-0aa',
      devices: undefined,
      heartbeatSeconds: 10,
      deadline: undefined,
    });
    const more = [
      '--devices',
      '/some/folder',
      '--heartbeat-seconds',
      '0.5',
      '--deadline',
      '2026-11-30T10:15:00Z',
    ];
    expect(parseHelperArguments([...good, ...more])).toMatchObject({
      devices: '/some/folder',
      heartbeatSeconds: 0.5,
      deadline: new Date(Date.UTC(2026, 10, 30, 10, 15)),
    });
  });

  test.each([
    ['no folder', ['--instance-id', 'i-0aa'], /--folder undefined/],
    [
      'a folder without a slash at its end',
      ['--folder', folder.slice(0, -1), '--instance-id', 'i-0aa'],
      /--folder s3/,
    ],
    [
      'a folder whose placeholder was not replaced',
      ['--folder', 's3://control-bucket/helpers/AROAEXAMPLE:{instance-id}/', '--instance-id', 'i-0aa'],
      /--folder s3/,
    ],
    ['no instance', ['--folder', folder], /--instance-id undefined/],
    ['no heartbeat', [...good, '--heartbeat-seconds', '0'], /--heartbeat-seconds 0 is not/],
    ['no time', [...good, '--deadline', 'tomorrow'], /--deadline tomorrow/],
    ['an unknown option', [...good, '--force'], /--force/],
  ])('are refused with %s', (_what, args, message) => {
    expect(() => parseHelperArguments(args)).toThrow(
      expect.objectContaining({ name: 'InvalidArguments', message: expect.stringMatching(message) }),
    );
  });

  test('make the waits of an appliance', () => {
    expect(limitsFor(10)).toMatchObject({
      requestSeconds: 30,
      noteSeconds: 5,
      deviceSeconds: 300,
      ordersSeconds: 10_800,
      farewellSeconds: 21_600,
      outageSeconds: 900,
      stallSeconds: 1200,
      closeSeconds: 60,
    });
  });
});
