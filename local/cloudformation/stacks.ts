import { join } from 'node:path';
import { z } from 'zod';
import { makeJsonFile } from '../json-file.ts';

const resourceRecordSchema = z.strictObject({
  logicalId: z.string(),
  type: z.string(),
  physicalId: z.string(),
  /** Whether it outlives its place in the stack. */
  retain: z.boolean(),
  updatedMs: z.number(),
});

const stackRecordSchema = z.strictObject({
  stackName: z.string(),
  stackId: z.string(),
  description: z.string().optional(),
  status: z.enum(['CREATE_COMPLETE', 'CREATE_FAILED', 'UPDATE_COMPLETE', 'UPDATE_FAILED']),
  statusReason: z.string().optional(),
  createdMs: z.number(),
  updatedMs: z.number().optional(),
  parameters: z.record(z.string(), z.string()),
  outputs: z.array(
    z.strictObject({
      key: z.string(),
      value: z.string(),
      description: z.string().optional(),
      exportName: z.string().optional(),
    }),
  ),
  /** In the order they were made. */
  resources: z.array(resourceRecordSchema),
  template: z.string(),
});

export type StackRecord = z.infer<typeof stackRecordSchema>;
export type ResourceRecord = z.infer<typeof resourceRecordSchema>;

export interface Stacks {
  list(): StackRecord[];
  find(nameOrId: string): StackRecord | undefined;
  put(stack: StackRecord): Promise<void>;
}

export async function openStacks(folder: string): Promise<Stacks> {
  const file = makeJsonFile(join(folder, 'stacks.json'), z.array(stackRecordSchema));
  const stacks = new Map((await file.read())?.map((stack) => [stack.stackName, stack]));
  return {
    list: () => [...stacks.values()],
    find: (nameOrId) =>
      stacks.get(nameOrId) ?? [...stacks.values()].find(({ stackId }) => stackId === nameOrId),
    async put(stack) {
      stacks.set(stack.stackName, stack);
      await file.write([...stacks.values()]);
    },
  };
}
