import { createHash } from 'node:crypto';
import type { RegionContext } from '../service.ts';
import type { AssemblyStack } from './assembly.ts';
import { UndeployableAssembly } from './errors.ts';
import { UnresolvableValue } from './intrinsic-functions.ts';
import { physicalName } from './names.ts';
import { DependencyCycle, dependenciesOf, deploymentOrder } from './order.ts';
import type { Resolver } from './resolver.ts';
import { makeResolver } from './resolver.ts';
import type { PlannedResource, ResourceType } from './resource-type.ts';
import { UnfitProperties } from './resource-type.ts';
import type { ResourceRecord, StackRecord, Stacks } from './stacks.ts';
import type { Value } from './template.ts';
import { isList } from './template.ts';

export interface DeploymentOptions {
  readonly context: RegionContext;
  readonly stacks: Stacks;
  readonly types: Readonly<Record<string, ResourceType>>;
  readonly log: (line: string) => void;
}

/** A resource failed while it was made; stack, logical id and construct are in the message. */
export class ResourceFailed extends Error {
  override readonly name = 'ResourceFailed';
}

interface PlannedStack {
  readonly stack: AssemblyStack;
  readonly stackId: string;
  readonly resources: readonly {
    readonly logicalId: string;
    readonly type: string;
    readonly retain: boolean;
    readonly planned: PlannedResource;
  }[];
  readonly parameters: Readonly<Record<string, string>>;
  readonly outputs: StackRecord['outputs'];
}

/**
 * Works out everything that deploying the stack would do, and does nothing.
 * @throws UndeployableAssembly naming logical id and construct of everything that is not simulated
 */
export function planStack(stack: AssemblyStack, options: DeploymentOptions): PlannedStack {
  const problems: string[] = [];
  const planned = new Map<string, PlannedResource>();
  const stackId =
    options.stacks.find(stack.stackName)?.stackId ?? newStackId(stack.stackName, options.context);
  const { accountId, region } = options.context;
  const { stackName, template } = stack;
  const attempt = <T>(place: string, action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      problems.push(...problemTexts(error).map((text) => `stack ${stackName}, ${place}: ${text}`));
      return undefined;
    }
  };
  const resolver = attempt('parameters', () =>
    makeResolver({
      template,
      accountId,
      region,
      stackName,
      stackId,
      resource: (logicalId) => planned.get(logicalId),
    }),
  );
  const order = attempt('resources', () => deploymentOrder(template)) ?? [];
  if (!resolver) throw new UndeployableAssembly(problems);
  const resources: PlannedStack['resources'][number][] = [];
  const unplanned = new Set<string>();
  for (const logicalId of order) {
    const resource = template.Resources[logicalId];
    if (!resource) continue;
    // What hangs on something that cannot be made would only repeat its problem.
    if (dependenciesOf(resource).some((dependency) => unplanned.has(dependency))) {
      unplanned.add(logicalId);
      continue;
    }
    const found = problems.length;
    attempt(placeOf(stack, logicalId), () => {
      if (resource.Condition !== undefined && !resolver.condition(resource.Condition)) return;
      const result = planResource({ stack, logicalId, resolver }, options);
      planned.set(logicalId, result);
      const retain = (resource.DeletionPolicy ?? 'Delete') !== 'Delete';
      resources.push({ logicalId, type: resource.Type, retain, planned: result });
    });
    if (problems.length > found) unplanned.add(logicalId);
  }
  const outputs = problems.length > 0 ? [] : (attempt('outputs', () => planOutputs(stack, resolver)) ?? []);
  if (problems.length > 0) throw new UndeployableAssembly(problems);
  return { stack, stackId, resources, outputs, parameters: parametersOf(resolver) };
}

/** How a message names a resource. */
function placeOf({ template, constructs }: AssemblyStack, logicalId: string): string {
  const resource = template.Resources[logicalId];
  const construct = constructs.get(logicalId) ?? resource?.Metadata?.['aws:cdk:path'] ?? 'no construct';
  return `${logicalId} (${construct}, ${resource?.Type})`;
}

function planResource(
  { stack, logicalId, resolver }: { stack: AssemblyStack; logicalId: string; resolver: Resolver },
  { types, context }: DeploymentOptions,
): PlannedResource {
  const resource = stack.template.Resources[logicalId];
  const type = resource ? types[resource.Type] : undefined;
  if (!resource || !type) throw new UnfitProperties(['the resource type is not simulated']);
  const { accountId, region } = context;
  const { stackName } = stack;
  return type.plan({
    logicalId,
    stackName,
    properties: resolver.resolve(resource.Properties),
    asset: (objectKey) => stack.assets.get(objectKey),
    generatedName: (maxLength, naming = {}) =>
      physicalName({ accountId, region, stackName, logicalId, maxLength, ...naming }),
  });
}

function planOutputs({ template }: AssemblyStack, resolver: Resolver): StackRecord['outputs'] {
  return Object.entries(template.Outputs)
    .filter(([, { Condition }]) => Condition === undefined || resolver.condition(Condition))
    .map(([key, { Value: value, Description, Export }]) => ({
      key,
      value: textOf(resolver.resolve(value)),
      ...(Description === undefined ? {} : { description: Description }),
      ...(Export === undefined ? {} : { exportName: textOf(resolver.resolve(Export.Name)) }),
    }));
}

function parametersOf(resolver: Resolver): Record<string, string> {
  return Object.fromEntries([...resolver.parameters].map(([name, value]) => [name, textOf(value)]));
}

function textOf(value: Value | undefined): string {
  return isList(value) ? value.join(',') : String(value ?? '');
}

function problemTexts(error: unknown): readonly string[] {
  if (error instanceof UnfitProperties) return error.problems;
  if (error instanceof UnresolvableValue || error instanceof DependencyCycle) return [error.message];
  throw error;
}

/**
 * Makes what was planned, then deletes what the stack no longer declares.
 * @throws ResourceFailed; what was made until then is kept in the stack's record
 */
export async function applyStack(plan: PlannedStack, options: DeploymentOptions): Promise<StackRecord> {
  const { stacks, context, types, log } = options;
  const nowMs = () => context.time.now().getTime();
  const previous = stacks.find(plan.stack.stackName);
  const kind = previous && previous.status !== 'CREATE_FAILED' ? 'UPDATE' : 'CREATE';
  const made: ResourceRecord[] = [];
  const record = (status: StackRecord['status'], statusReason?: string): StackRecord => ({
    stackName: plan.stack.stackName,
    stackId: plan.stackId,
    ...(plan.stack.template.Description === undefined
      ? {}
      : { description: plan.stack.template.Description }),
    status,
    ...(statusReason === undefined ? {} : { statusReason }),
    createdMs: previous?.createdMs ?? nowMs(),
    ...(kind === 'UPDATE' ? { updatedMs: nowMs() } : {}),
    parameters: plan.parameters,
    outputs: plan.outputs,
    resources: made,
    template: plan.stack.templateText,
  });
  for (const { logicalId, type, retain, planned } of plan.resources) {
    try {
      await planned.apply();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const message = `stack ${plan.stack.stackName}, ${placeOf(plan.stack, logicalId)}: ${reason}`;
      for (const old of previous?.resources ?? []) {
        if (!made.some((resource) => resource.physicalId === old.physicalId)) made.push(old);
      }
      await stacks.put(record(`${kind}_FAILED`, message));
      throw new ResourceFailed(message, { cause: error });
    }
    made.push({ logicalId, type, retain, physicalId: planned.physicalId, updatedMs: nowMs() });
  }
  for (const old of [...(previous?.resources ?? [])].reverse()) {
    const isStillThere = made.some(
      ({ type, physicalId }) => type === old.type && physicalId === old.physicalId,
    );
    if (isStillThere) continue;
    if (old.retain)
      log(`stack ${plan.stack.stackName} no longer has ${old.type} ${old.physicalId}, which is kept`);
    else await types[old.type]?.remove(old.physicalId);
  }
  const finished = record(`${kind}_COMPLETE`);
  await stacks.put(finished);
  return finished;
}

function newStackId(stackName: string, { accountId, region }: RegionContext): string {
  const hex = createHash('sha256').update([accountId, region, stackName].join('/')).digest('hex');
  const id = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
  return `arn:aws:cloudformation:${region}:${accountId}:stack/${stackName}/${id}`;
}
