import { describe, expect, inject, it } from 'vitest';
import { stepNames } from '../../infra/bundle.ts';
import { type Json, readTemplate } from '../support/definitions.ts';

const { Resources } = readTemplate(inject('assemblyFolder'));

interface Statement {
  readonly actions: string[];
  readonly resources: string;
  readonly condition: Json;
}

/** What the function of each step may do, by the role that it runs as. */
const byStep = new Map(
  Object.values<Json>(Resources)
    .filter(({ Type }) => Type === 'AWS::Lambda::Function')
    .map(({ Properties }) => [
      Properties.Handler.replace(/^restore\/|\.handler$/g, ''),
      statementsOf(Properties.Role['Fn::GetAtt'][0]),
    ]),
);

function statementsOf(roleId: string): Statement[] {
  return Object.values<Json>(Resources)
    .filter(({ Type }) => Type === 'AWS::IAM::Policy' || Type === 'AWS::IAM::ManagedPolicy')
    .filter(({ Properties }) => (Properties.Roles ?? []).some(({ Ref }: Json) => Ref === roleId))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
    .map(({ Action, Resource, Condition }: Json) => ({
      actions: [Action].flat(),
      resources: JSON.stringify(Resource),
      condition: Condition,
    }));
}

describe('the role of a step that handles the helper', () => {
  it.each([
    // Before they ask for what their permission may have lost its tags for, or tell what a refusal means.
    ['retire-helper', ['ec2:DescribeInstances']],
    ['detach-from-helper', ['ec2:DescribeInstances', 'ec2:DescribeVolumes']],
    ['attach-to-helper', ['ec2:DescribeInstances', 'ec2:DescribeVolumes']],
    ['check-helper-attachments', ['ec2:DescribeInstances', 'ec2:DescribeVolumes']],
    ['attach-volume', ['ec2:DescribeInstances', 'ec2:DescribeVolumes']],
  ])('%s may look', (step, actions) => {
    const allowed = (byStep.get(step) ?? [])
      .filter(({ resources, condition }) => resources === '"*"' && condition === undefined)
      .flatMap((statement) => statement.actions);
    expect(allowed).toEqual(expect.arrayContaining(actions));
  });
});

describe('the role of every step', () => {
  it('may list the control bucket whatever the request, or a record that is missing is "access denied"', () => {
    // GetObject names no s3:prefix: a grant that asks for one does not hold when S3 decides between 404 and 403.
    const [controlId] = Object.keys(Resources).filter((id) => /^Control[0-9A-F]{8}$/.test(id));
    const bucket = JSON.stringify({ 'Fn::GetAtt': [controlId, 'Arn'] });
    expect([...byStep.keys()].sort()).toEqual(stepNames().sort());
    for (const [step, statements] of byStep) {
      const lists = statements.filter(
        ({ actions, resources }) => actions.includes('s3:ListBucket') && resources.includes(bucket),
      );
      expect(lists.length, step).toBeGreaterThan(0);
      expect(lists.map(({ condition }) => condition).filter(Boolean), step).toEqual([]);
    }
  });
});
