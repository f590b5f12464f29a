import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { allStates, type Json, readDefinition, readTemplate } from '../support/definitions.ts';

const assemblyFolder = inject('assemblyFolder');
const plan = readDefinition(assemblyFolder, 'Plan');

it('is the one that was reviewed', async () => {
  await expect(`${JSON.stringify(plan, null, 2)}\n`).toMatchFileSnapshot(
    join(import.meta.dirname, 'plan.asl.json'),
  );
});

it('is one step, the restore’s own, run dry', () => {
  const [only, ...others] = allStates(plan);
  expect(others).toEqual([]);
  expect(only).toMatchObject({ name: 'PlanRestore', state: { Type: 'Task', End: true } });
  expect(only?.state.Resource).toBe('<plan-restore>');
  const restore = allStates(readDefinition(assemblyFolder, 'Restore')).find(
    ({ name }) => name === 'PlanRestore',
  );
  expect(only?.state.Parameters).toEqual({ ...restore?.state.Parameters, dryRun: true });
  expect(only?.state.Retry).toEqual(restore?.state.Retry);
  expect(plan.TimeoutSeconds).toBe(3_600);
});

it('is found by the stack’s outputs', () => {
  const { Outputs } = readTemplate(assemblyFolder);
  expect(Outputs.PlanStateMachineArn.Value.Ref).toMatch(/^Plan/);
});

it('only reads, but for the records of a restore that is started', () => {
  const { Resources } = readTemplate(assemblyFolder);
  const policy = Object.entries<Json>(Resources).find(
    ([id, { Type }]) => Type === 'AWS::IAM::Policy' && id.startsWith('PlanRestoreFunction'),
  )?.[1];
  const actions: string[] = policy.Properties.PolicyDocument.Statement.flatMap(({ Action }: Json) => Action);
  expect(actions.length).toBeGreaterThan(10);
  const writes = actions.filter((action) => !/^[a-z0-9]+:(Describe|Get|List|Head)/.test(action));
  expect(writes).toEqual(['s3:PutObject']);
});
