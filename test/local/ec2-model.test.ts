import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openTestEc2, runInstance, type TestEc2 } from './ec2-harness.ts';

/**
 * A second, much simpler EC2: what a few calls on two instances and a few volumes must lead to. Time passes in steps
 * that end every change of state, so a state between states lasts exactly until the next step.
 */

type InstanceName = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';
interface ModelVolume {
  id: string;
  state: 'creating' | 'available' | 'in-use' | 'deleting' | 'gone';
  attachment?: { instance: number; device: string; state: 'attaching' | 'attached' | 'detaching' };
}
interface Model {
  instances: InstanceName[];
  volumes: ModelVolume[];
}
interface Real {
  ec2: TestEc2;
  instanceIds: string[];
}

const ENOUGH_SECONDS = 60;
const DEVICES = ['/dev/sdf', '/dev/sdg'];

function settle(model: Model): void {
  const next: Record<string, InstanceName> = {
    pending: 'running',
    stopping: 'stopped',
    'shutting-down': 'terminated',
  };
  model.instances = model.instances.map((state) => next[state] ?? state);
  for (const volume of model.volumes) {
    if (volume.state === 'creating') volume.state = 'available';
    if (volume.state === 'deleting') volume.state = 'gone';
    const { attachment } = volume;
    if (!attachment) continue;
    if (attachment.state === 'attaching') attachment.state = 'attached';
    if (attachment.state === 'detaching' || model.instances[attachment.instance] === 'terminated') {
      delete volume.attachment;
      volume.state = 'available';
    }
  }
}

/** The error a call must end with, or none. */
const expectation = {
  attach(model: Model, volume: ModelVolume, instance: number, device: string): string | undefined {
    if (volume.state === 'gone') return 'InvalidVolume.NotFound';
    if (volume.attachment) return 'VolumeInUse';
    if (volume.state !== 'available') return 'IncorrectState';
    if (!['running', 'stopped'].includes(model.instances[instance] ?? '')) return 'IncorrectState';
    const taken = model.volumes.some(
      ({ attachment }) => attachment?.instance === instance && attachment.device === device,
    );
    return taken ? 'InvalidParameterValue' : undefined;
  },
  detach(model: Model, { state, attachment }: ModelVolume): string | undefined {
    if (state === 'gone') return 'InvalidVolume.NotFound';
    if (attachment?.state !== 'attached') return 'IncorrectState';
    const holder = model.instances[attachment.instance] ?? '';
    return ['running', 'stopped'].includes(holder) ? undefined : 'IncorrectState';
  },
  delete({ state, attachment }: ModelVolume): string | undefined {
    if (state === 'gone') return 'InvalidVolume.NotFound';
    if (attachment) return 'VolumeInUse';
    return state === 'available' ? undefined : 'IncorrectState';
  },
  change(state: InstanceName | undefined, verb: Verb): string | undefined {
    const allowed: Record<Verb, InstanceName[]> = {
      start: ['stopped', 'pending', 'running'],
      stop: ['running', 'stopping', 'stopped'],
      terminate: ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'],
    };
    return state && allowed[verb].includes(state) ? undefined : 'IncorrectInstanceState';
  },
};

type Verb = 'start' | 'stop' | 'terminate';

async function check(call: Promise<unknown>, expected: string | undefined): Promise<void> {
  const outcome = await call.then(
    () => undefined,
    (error: { code?: string }) => error.code ?? String(error),
  );
  expect(outcome).toBe(expected);
}

async function compare(model: Model, { ec2, instanceIds }: Real): Promise<void> {
  const { Reservations = [] } = await ec2.api.describeInstances({ InstanceIds: instanceIds });
  const states = new Map(
    Reservations.flatMap(({ Instances = [] }) =>
      Instances.map((each) => [each.InstanceId, each.State?.Name]),
    ),
  );
  expect(instanceIds.map((id) => states.get(id))).toEqual(model.instances);
  const { Volumes = [] } = await ec2.api.describeVolumes({ Filters: [{ Name: 'size', Values: ['1'] }] });
  expect(
    Volumes.map(({ VolumeId, State, Attachments }) => [
      VolumeId,
      State,
      Attachments?.map((each) => [each.InstanceId, each.Device, each.State]),
    ]),
  ).toEqual(
    model.volumes
      .filter(({ state }) => state !== 'gone')
      .map(({ id, state, attachment }) => [
        id,
        state,
        attachment ? [[instanceIds[attachment.instance], attachment.device, attachment.state]] : [],
      ]),
  );
}

type Command = fc.AsyncCommand<Model, Real>;

const command = (text: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  async run(model, real) {
    await run(model, real);
    await compare(model, real);
  },
  toString: () => text,
});

const create = command('create', async (model, { ec2 }) => {
  const { VolumeId: id = '' } = await ec2.api.createVolume({ AvailabilityZone: 'us-east-1a', Size: 1 });
  model.volumes.push({ id, state: 'creating' });
});

const wait = command('wait', async (model, { ec2 }) => {
  await ec2.advance(ENOUGH_SECONDS);
  settle(model);
});

/** Commands on a volume do nothing while there is none. */
const onVolume = (
  text: string,
  n: number,
  run: (model: Model, real: Real, volume: ModelVolume) => Promise<void>,
) =>
  command(`${text}(${n})`, async (model, real) => {
    const volume = model.volumes[n % Math.max(1, model.volumes.length)];
    if (volume) await run(model, real, volume);
  });

const attach = ({ n, instance, device }: { n: number; instance: number; device: string }) =>
  onVolume(`attach to ${instance} as ${device}`, n, async (model, { ec2, instanceIds }, volume) => {
    const expected = expectation.attach(model, volume, instance, device);
    const input = { VolumeId: volume.id, InstanceId: instanceIds[instance] ?? '', Device: device };
    await check(ec2.api.attachVolume(input), expected);
    if (expected) return;
    volume.state = 'in-use';
    volume.attachment = { instance, device, state: 'attaching' };
  });

const detach = (n: number) =>
  onVolume('detach', n, async (model, { ec2 }, volume) => {
    const expected = expectation.detach(model, volume);
    await check(ec2.api.detachVolume({ VolumeId: volume.id }), expected);
    if (!expected && volume.attachment) volume.attachment.state = 'detaching';
  });

const remove = (n: number) =>
  onVolume('delete', n, async (_, { ec2 }, volume) => {
    const expected = expectation.delete(volume);
    await check(ec2.api.deleteVolume({ VolumeId: volume.id }), expected);
    if (!expected) volume.state = 'deleting';
  });

const change = ({ verb, instance }: { verb: Verb; instance: number }) =>
  command(`${verb}(${instance})`, async (model, { ec2, instanceIds }) => {
    const state = model.instances[instance];
    const expected = expectation.change(state, verb);
    const input = { InstanceIds: [instanceIds[instance] ?? ''] };
    const calls = {
      start: () => ec2.api.startInstances(input),
      stop: () => ec2.api.stopInstances(input),
      terminate: () => ec2.api.terminateInstances(input),
    };
    await check(calls[verb](), expected);
    if (expected) return;
    if (verb === 'start' && state === 'stopped') model.instances[instance] = 'pending';
    if (verb === 'stop' && state === 'running') model.instances[instance] = 'stopping';
    if (verb === 'terminate' && state !== 'terminated') model.instances[instance] = 'shutting-down';
  });

const restart = command('restart', async (_, real) => {
  real.ec2 = await real.ec2.restart();
});

const commands = fc.commands(
  [
    fc.constant(create),
    fc.constant(wait),
    fc.record({ n: fc.nat(5), instance: fc.nat(1), device: fc.constantFrom(...DEVICES) }).map(attach),
    fc.record({ n: fc.nat(5), instance: fc.nat(1), device: fc.constantFrom(...DEVICES) }).map(attach),
    fc.nat(5).map(detach),
    fc.nat(5).map(remove),
    fc
      .record({
        verb: fc.constantFrom<Verb>('start', 'stop', 'start', 'stop', 'terminate'),
        instance: fc.nat(1),
      })
      .map(change),
    fc.constant(restart),
  ],
  { maxCommands: 40, size: 'max' },
);

describe('volumes, attachments and instances', () => {
  it('do what the model does, whatever is asked of them and in which order (property)', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const ec2 = await openTestEc2();
        const real: Real = { ec2, instanceIds: [await runInstance(ec2), await runInstance(ec2)] };
        try {
          const model: Model = { instances: ['running', 'running'], volumes: [] };
          await fc.asyncModelRun(() => ({ model, real }), sequence);
        } finally {
          await real.ec2.close();
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
