import { describe, expect, inject, it } from 'vitest';
import { type Json, readTemplate } from '../support/definitions.ts';

const { Resources } = readTemplate(inject('assemblyFolder'));

/** A value of the template as one line: `<Name>` for what is only known once it is deployed. */
function lineOf(value: Json): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(lineOf).join(' ');
  if (value['Fn::Join']) return value['Fn::Join'][1].map(lineOf).join(value['Fn::Join'][0]);
  const name: string = value.Ref ?? value['Fn::GetAtt']?.[0];
  return `<${name.replace(/^AWS::/, '').replace(/[0-9A-F]{8}$/, '')}>`;
}

/** What the role of a step's function may do beyond what all may: `action resource condition`, one line each. */
function permissionsOf(step: string): string[] {
  const [policy] = Object.entries<Json>(Resources)
    .filter(([id, { Type }]) => Type === 'AWS::IAM::Policy' && id.startsWith(`${step}Function`))
    .map(([, { Properties }]) => Properties.PolicyDocument.Statement);
  return policy
    .filter(({ Action }: Json) => ![Action].flat().every((action: string) => action.startsWith('s3:')))
    .flatMap(({ Action, Resource, Condition }: Json) =>
      [Action].flat().map((action: string) => `${action} ${lineOf(Resource)} ${conditionOf(Condition)}`),
    );
}

const conditionOf = (condition: Json): string =>
  Object.entries<Json>(condition ?? {})
    .map(([operator, keys]) => {
      const parts = Object.entries<Json>(keys).map(([key, value]) => `${key}=${lineOf(value)}`);
      return `${operator}(${parts.join(', ')})`;
    })
    .join(' ');

const SNAPSHOTS = 'arn:<Partition>:ec2:<Region>::snapshot/*';
const KEYS = 'arn:<Partition>:kms:<Region>:<AccountId>:key/*';
const VIA = 'kms:ViaService=ec2.<Region>.amazonaws.com ebs.<Region>.amazonaws.com';
const AS_OURS = 'Null(aws:RequestTag/landfall:restore=false)';
const OURS = 'StringEquals(aws:ResourceTag/landfall:role=temporary)';
const USE_KEYS = [
  `kms:Decrypt ${KEYS} StringEquals(${VIA})`,
  `kms:DescribeKey ${KEYS} StringEquals(${VIA})`,
  `kms:GenerateDataKey* ${KEYS} StringEquals(${VIA})`,
  `kms:ReEncrypt* ${KEYS} StringEquals(${VIA})`,
  `kms:CreateGrant ${KEYS} StringEquals(${VIA}) Bool(kms:GrantIsForAWSResource=true)`,
];

describe('who writes snapshots may do exactly this, besides reading repositories and records', () => {
  it.each<[string, string[]]>([
    [
      'StartDirectSnapshot',
      [`ebs:StartSnapshot ${SNAPSHOTS} ${AS_OURS}`, `ec2:CreateTags ${SNAPSHOTS} ${AS_OURS}`, ...USE_KEYS],
    ],
    ['WriteSnapshotBatch', [`ebs:PutSnapshotBlock ${SNAPSHOTS} ${OURS}`, ...USE_KEYS]],
    ['CompleteDirectSnapshot', [`ebs:CompleteSnapshot ${SNAPSHOTS} ${OURS}`]],
  ])('%s', (step, expected) => expect(permissionsOf(step)).toEqual(expected));

  it('nobody else writes to snapshots, and nobody reads their blocks', () => {
    const all = JSON.stringify(Resources).match(/"ebs:[A-Za-z*]+"/g) ?? [];
    expect(all.sort()).toEqual(['"ebs:CompleteSnapshot"', '"ebs:PutSnapshotBlock"', '"ebs:StartSnapshot"']);
  });
});
