import type {
  DescribeStackResourcesCommandInput,
  DescribeStacksCommandInput,
  GetTemplateCommandInput,
  ListStackResourcesCommandInput,
  ListStacksCommandInput,
  Stack,
} from '@aws-sdk/client-cloudformation';
import type { Operation } from '../service.ts';
import { AwsError } from '../service.ts';
import type { ResourceRecord, StackRecord, Stacks } from './stacks.ts';

/** CloudFormation's API, to look at what was deployed; deploying is done from a cloud assembly. */
export function makeOperations(stacks: Stacks): Record<string, Operation> {
  const find = (name = ''): StackRecord => {
    const stack = stacks.find(name);
    if (stack) return stack;
    throw new AwsError('ValidationError', `Stack with id ${name} does not exist`);
  };
  return {
    DescribeStacks: ({ StackName }: DescribeStacksCommandInput) => ({
      Stacks: (StackName === undefined ? stacks.list() : [find(StackName)]).map(describeStack),
    }),
    ListStacks: ({ StackStatusFilter: wanted = [] }: ListStacksCommandInput) => ({
      StackSummaries: stacks
        .list()
        .filter(({ status }) => wanted.length === 0 || wanted.includes(status))
        .map((stack) => ({
          StackId: stack.stackId,
          StackName: stack.stackName,
          ...(stack.description === undefined ? {} : { TemplateDescription: stack.description }),
          CreationTime: new Date(stack.createdMs),
          ...(stack.updatedMs === undefined ? {} : { LastUpdatedTime: new Date(stack.updatedMs) }),
          StackStatus: stack.status,
          DriftInformation: { StackDriftStatus: 'NOT_CHECKED' },
        })),
    }),
    DescribeStackResources: (input: DescribeStackResourcesCommandInput) => ({
      StackResources: resourcesFor(input, { find, stacks }).map(({ stack, resource }) => ({
        StackName: stack.stackName,
        StackId: stack.stackId,
        LogicalResourceId: resource.logicalId,
        PhysicalResourceId: resource.physicalId,
        ResourceType: resource.type,
        Timestamp: new Date(resource.updatedMs),
        ResourceStatus: resourceStatus(stack),
        DriftInformation: { StackResourceDriftStatus: 'NOT_CHECKED' },
      })),
    }),
    ListStackResources: ({ StackName }: ListStackResourcesCommandInput) => {
      const stack = find(StackName);
      return {
        StackResourceSummaries: stack.resources.map((resource) => ({
          LogicalResourceId: resource.logicalId,
          PhysicalResourceId: resource.physicalId,
          ResourceType: resource.type,
          LastUpdatedTimestamp: new Date(resource.updatedMs),
          ResourceStatus: resourceStatus(stack),
          DriftInformation: { StackResourceDriftStatus: 'NOT_CHECKED' },
        })),
      };
    },
    GetTemplate: ({ StackName }: GetTemplateCommandInput) => ({
      TemplateBody: find(StackName).template,
      StagesAvailable: ['Original', 'Processed'],
    }),
  };
}

function resourcesFor(
  { StackName, LogicalResourceId, PhysicalResourceId }: DescribeStackResourcesCommandInput,
  { find, stacks }: { find: (name: string) => StackRecord; stacks: Stacks },
): { stack: StackRecord; resource: ResourceRecord }[] {
  const among = StackName === undefined ? stacks.list() : [find(StackName)];
  const all = among.flatMap((stack) => stack.resources.map((resource) => ({ stack, resource })));
  if (PhysicalResourceId !== undefined) {
    const found = all.find(({ resource }) => resource.physicalId === PhysicalResourceId);
    if (!found) throw new AwsError('ValidationError', `Stack for ${PhysicalResourceId} does not exist`);
    return all.filter(({ stack }) => stack === found.stack);
  }
  if (StackName === undefined) {
    throw new AwsError('ValidationError', 'Either StackName or PhysicalResourceId must be specified');
  }
  return all.filter(
    ({ resource }) => LogicalResourceId === undefined || resource.logicalId === LogicalResourceId,
  );
}

/** A resource was last made or changed together with its stack. */
function resourceStatus({ updatedMs }: StackRecord): 'CREATE_COMPLETE' | 'UPDATE_COMPLETE' {
  return updatedMs === undefined ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE';
}

function describeStack(stack: StackRecord): Stack {
  return {
    StackId: stack.stackId,
    StackName: stack.stackName,
    ...(stack.description === undefined ? {} : { Description: stack.description }),
    Parameters: Object.entries(stack.parameters).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    })),
    CreationTime: new Date(stack.createdMs),
    ...(stack.updatedMs === undefined ? {} : { LastUpdatedTime: new Date(stack.updatedMs) }),
    RollbackConfiguration: {},
    StackStatus: stack.status,
    ...(stack.statusReason === undefined ? {} : { StackStatusReason: stack.statusReason }),
    DisableRollback: false,
    NotificationARNs: [],
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM'],
    Outputs: stack.outputs.map(({ key, value, description, exportName }) => ({
      OutputKey: key,
      OutputValue: value,
      ...(description === undefined ? {} : { Description: description }),
      ...(exportName === undefined ? {} : { ExportName: exportName }),
    })),
    Tags: [],
    EnableTerminationProtection: false,
    DriftInformation: { StackDriftStatus: 'NOT_CHECKED' },
  };
}
