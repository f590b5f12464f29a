import { describe, expect, it } from 'vitest';
import { attach } from '../../lambdas/restore/attach/attachment.ts';
import { detachFromHelper } from '../../lambdas/restore/helper/detach.ts';
import { terminateHelper } from '../../lambdas/restore/helper/terminate.ts';
import { launchFirst } from '../../lambdas/restore/launch/first-type.ts';
import { consoleOutput } from '../../lambdas/runtime/console-output.ts';
import { instanceIn, refusal, scriptEc2 } from '../support/scripted-ec2.ts';

const SETTINGS = { ClientToken: 'token', MinCount: 1, MaxCount: 1 };
const THREE = ['c8gb.2xlarge', 'c7g.xlarge', 't4g.medium'];

/** RunInstances that refuses types by their codes and launches what is not named. */
const launches = (codes: Record<string, [code: string, status?: number]>) => ({
  RunInstances: (input: Record<string, unknown>) => {
    const refused = codes[String(input.InstanceType)];
    return refused ? refusal(...refused)(input) : { Instances: [{ InstanceId: `i-${input.InstanceType}` }] };
  },
});

describe('launching one of several types', () => {
  it('goes on to the next where the quota is used up, the type is not offered, or there is no room', async () => {
    const calls = scriptEc2(
      launches({
        'c8gb.2xlarge': ['VcpuLimitExceeded'],
        'c7g.xlarge': ['InsufficientInstanceCapacity', 500],
      }),
    );
    expect(await launchFirst(THREE, SETTINGS)).toBe('i-t4g.medium');
    expect(calls).toHaveLength(3);
  });

  it.each([
    [
      'the quota is used up for all',
      ['VcpuLimitExceeded', 'InstanceLimitExceeded', 'Unsupported'],
      'QuotaReached',
    ],
    [
      'there is no room for one',
      ['VcpuLimitExceeded', 'InsufficientInstanceCapacity', 'Unsupported'],
      'InsufficientCapacity',
    ],
    ['none is offered', ['Unsupported', 'UnsupportedOperation', 'InstanceTypeNotSupported'], 'AwsRefused'],
  ])('tells when %s', async (_, codes, name) => {
    scriptEc2(launches(Object.fromEntries(THREE.map((type, index) => [type, [codes[index] ?? '']]))));
    await expect(launchFirst(THREE, SETTINGS)).rejects.toMatchObject({ name });
  });

  it('tries no other type where it is not the type that is refused', async () => {
    const calls = scriptEc2(launches({ 'c8gb.2xlarge': ['InvalidParameterValue'] }));
    await expect(launchFirst(THREE, SETTINGS)).rejects.toThrow('InvalidParameterValue');
    expect(calls).toHaveLength(1);
  });
});

describe('terminating a helper', () => {
  it.each(['shutting-down', 'terminated'])('leaves one that is %s to it', async (state) => {
    const calls = scriptEc2({
      DescribeInstances: instanceIn(state),
      // As it would be when EC2 has taken its tags away.
      TerminateInstances: refusal('UnauthorizedOperation', 403),
    });
    await terminateHelper('i-1', 'done');
    expect(calls.map(({ operation }) => operation)).toEqual(['DescribeInstances']);
  });

  it('does not wait for its system, and forces it where it is lost', async () => {
    const calls = scriptEc2({ DescribeInstances: instanceIn('running'), TerminateInstances: () => ({}) });
    await terminateHelper('i-1', 'done');
    await terminateHelper('i-1', 'lost');
    const asked = calls.filter(({ operation }) => operation === 'TerminateInstances');
    expect(asked.map(({ input }) => input)).toEqual([
      { InstanceIds: ['i-1'], SkipOsShutdown: true },
      { InstanceIds: ['i-1'], SkipOsShutdown: true, Force: true },
    ]);
  });

  it.each(['InvalidInstanceID.NotFound', 'UnauthorizedOperation'])(
    'takes %s for the end of one that EC2 does not know',
    async (code) => {
      scriptEc2({ DescribeInstances: instanceIn(undefined), TerminateInstances: refusal(code) });
      await expect(terminateHelper('i-1', 'lost')).resolves.toBeUndefined();
    },
  );

  it('does not take it for that of one that runs', async () => {
    scriptEc2({
      DescribeInstances: instanceIn('running'),
      TerminateInstances: refusal('UnauthorizedOperation', 403),
    });
    await expect(terminateHelper('i-1', 'lost')).rejects.toThrow('UnauthorizedOperation');
  });
});

const volume = (State: string, ...Attachments: object[]) => ({
  DescribeVolumes: () => ({ Volumes: [{ State, Attachments }] }),
});

describe('detaching from a helper', () => {
  it.each([
    ['the volume is free', 'available', 'running'],
    ['the helper is going', 'in-use', 'shutting-down'],
    ['the helper has ended', 'in-use', 'terminated'],
  ])('asks for nothing where %s', async (_, ofVolume, ofHelper) => {
    const calls = scriptEc2({
      ...volume(ofVolume),
      DescribeInstances: instanceIn(ofHelper),
      DetachVolume: refusal('UnauthorizedOperation', 403),
    });
    await detachFromHelper('vol-1', 'i-1');
    expect(calls.map(({ operation }) => operation)).not.toContain('DetachVolume');
  });

  it('asks without force, and reports a refusal', async () => {
    const running = { ...volume('in-use'), DescribeInstances: instanceIn('running') };
    const calls = scriptEc2({ ...running, DetachVolume: refusal('UnauthorizedOperation', 403) });
    await expect(detachFromHelper('vol-1', 'i-1')).rejects.toThrow('UnauthorizedOperation');
    expect(calls.at(-1)?.input).toEqual({ VolumeId: 'vol-1', InstanceId: 'i-1' });
  });
});

describe('attaching', () => {
  const place = { volumeId: 'vol-1', instanceId: 'i-new', deviceName: '/dev/sdf' };
  const refused = (attachments: object[], { code = 'VolumeInUse', owner = 'running' } = {}) =>
    scriptEc2({
      AttachVolume: refusal(code),
      ...volume('in-use', ...attachments),
      DescribeInstances: instanceIn(owner),
    });

  it.each(['attached', 'attaching'])('finds what an earlier try attached: %s', async (State) => {
    refused([{ InstanceId: 'i-new', State }]);
    expect(await attach(place)).toBe('vol-1:i-new:/dev/sdf');
  });

  it.each([
    ['it is attached to nothing', [], {}],
    ['it is leaving another instance', [{ InstanceId: 'i-old', State: 'detaching' }], {}],
    ['it is leaving this one', [{ InstanceId: 'i-new', State: 'detaching' }], {}],
    [
      'EC2 still shows it at a helper that has ended',
      [{ InstanceId: 'i-old', State: 'attached' }],
      { owner: 'terminated' },
    ],
    ['the state is not right', [], { code: 'IncorrectState' }],
  ])('has to be tried again where %s', async (_, attachments, how) => {
    refused(attachments, how);
    await expect(attach(place)).rejects.toMatchObject({ name: 'NotVisible', retryable: true });
  });

  it('leaves it to the look behind it to tell that it is somebody else’s', async () => {
    refused([{ InstanceId: 'i-other', State: 'attached' }]);
    expect(await attach(place)).toBe('vol-1:i-new:/dev/sdf');
  });
});

describe('the console of an instance', () => {
  const text = Buffer.from('a kernel\nlast words').toString('base64');

  it('is what it says now, where EC2 gives that', async () => {
    const calls = scriptEc2({ GetConsoleOutput: () => ({ Output: text }) });
    expect(await consoleOutput('i-1', 10)).toBe('last words');
    expect(calls.map(({ input }) => input)).toEqual([{ InstanceId: 'i-1', Latest: true }]);
  });

  it('else what EC2 kept of it', async () => {
    const answer = (input: Record<string, unknown>) =>
      input.Latest ? refusal('UnsupportedOperation')(input) : { Output: text };
    scriptEc2({ GetConsoleOutput: answer });
    expect(await consoleOutput('i-1', 10)).toBe('last words');
    scriptEc2({ GetConsoleOutput: refusal('InvalidInstanceID.NotFound') });
    expect(await consoleOutput('i-1', 10)).toBeUndefined();
  });
});
