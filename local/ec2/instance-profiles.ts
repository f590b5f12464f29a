import type {
  AssociateIamInstanceProfileRequest,
  AssociateIamInstanceProfileResult,
  DescribeIamInstanceProfileAssociationsRequest,
  DescribeIamInstanceProfileAssociationsResult,
  DisassociateIamInstanceProfileRequest,
  DisassociateIamInstanceProfileResult,
  IamInstanceProfileAssociation,
  IamInstanceProfileAssociationState,
  ReplaceIamInstanceProfileAssociationRequest,
  ReplaceIamInstanceProfileAssociationResult,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { incorrectState, required } from './errors.ts';
import { makeFilter, paginate } from './filters.ts';
import { resolveProfile } from './instance-settings.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { InstanceRecord } from './records.ts';
import { need, type Simulation } from './simulation.ts';

function output(
  instance: InstanceRecord,
  state: IamInstanceProfileAssociationState,
): IamInstanceProfileAssociation {
  const { profile } = instance;
  if (!profile) return {};
  return {
    AssociationId: profile.associationId,
    InstanceId: instance.id,
    IamInstanceProfile: { Arn: profile.arn, Id: profile.profileId },
    State: state,
    Timestamp: new Date(profile.since),
  };
}

const withProfile = (sim: Simulation): InstanceRecord[] =>
  sim.state.instances.all().filter((instance) => instance.profile !== undefined);

function needAssociated(sim: Simulation, associationId: string): InstanceRecord {
  const instance = withProfile(sim).find((each) => each.profile?.associationId === associationId);
  if (!instance) {
    throw new AwsError(
      'InvalidAssociationID.NotFound',
      `An invalid association-id of '${associationId}' was given`,
    );
  }
  return instance;
}

export function instanceProfileOperations(sim: Simulation): Operations {
  return {
    AssociateIamInstanceProfile: mutation<
      AssociateIamInstanceProfileRequest,
      AssociateIamInstanceProfileResult
    >(sim, 'AssociateIamInstanceProfile', ['InstanceId', 'IamInstanceProfile'], (input) => {
      const instance = need(sim, 'instance', required(input.InstanceId, 'InstanceId'));
      const profile = resolveProfile(sim, required(input.IamInstanceProfile, 'IamInstanceProfile'));
      if (instance.profile)
        throw incorrectState(`There is an existing association for instance ${instance.id}`);
      if (instance.state !== 'running' && instance.state !== 'stopped') {
        throw incorrectState(`The instance '${instance.id}' is in the '${instance.state}' state.`);
      }
      return () => {
        instance.profile = profile;
        return { IamInstanceProfileAssociation: output(instance, 'associating') };
      };
    }),
    ReplaceIamInstanceProfileAssociation: mutation<
      ReplaceIamInstanceProfileAssociationRequest,
      ReplaceIamInstanceProfileAssociationResult
    >(sim, 'ReplaceIamInstanceProfileAssociation', ['AssociationId', 'IamInstanceProfile'], (input) => {
      const instance = needAssociated(sim, required(input.AssociationId, 'AssociationId'));
      const profile = resolveProfile(sim, required(input.IamInstanceProfile, 'IamInstanceProfile'));
      return () => {
        instance.profile = profile;
        return { IamInstanceProfileAssociation: output(instance, 'associating') };
      };
    }),
    DisassociateIamInstanceProfile: mutation<
      DisassociateIamInstanceProfileRequest,
      DisassociateIamInstanceProfileResult
    >(sim, 'DisassociateIamInstanceProfile', ['AssociationId'], (input) => {
      const instance = needAssociated(sim, required(input.AssociationId, 'AssociationId'));
      return () => {
        const answer = { IamInstanceProfileAssociation: output(instance, 'disassociating') };
        delete instance.profile;
        return answer;
      };
    }),
    DescribeIamInstanceProfileAssociations: query<
      DescribeIamInstanceProfileAssociationsRequest,
      DescribeIamInstanceProfileAssociationsResult
    >(
      'DescribeIamInstanceProfileAssociations',
      ['AssociationIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const ids = input.AssociationIds ?? [];
        const chosen = ids.length > 0 ? ids.map((id) => needAssociated(sim, id)) : withProfile(sim);
        const passes = makeFilter(input.Filters, {
          'instance-id': (instance: InstanceRecord) => instance.id,
          state: () => 'associated',
        });
        const { page, ...token } = paginate(chosen.filter(passes), input, {
          seqOf: (instance) => instance.seq,
        });
        return {
          IamInstanceProfileAssociations: page.map((instance) => output(instance, 'associated')),
          ...token,
        };
      },
    ),
  };
}
