import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeJsonFile } from '../json-file.ts';
import type { PreparedMachine } from './definition.ts';
import { prepareDefinition } from './definition.ts';
import type { LoadOptions } from './loader.ts';

const machineSchema = z.strictObject({
  name: z.string(),
  arn: z.string(),
  roleArn: z.string(),
  /** Names the definition it runs now; definitions are kept, for the executions that run an older one. */
  revision: z.string(),
  createdMs: z.number(),
  updatedMs: z.number(),
  loggingConfiguration: z.record(z.string(), z.unknown()).optional(),
  tracingEnabled: z.boolean(),
});

/** A deployed state machine. */
export type Machine = z.infer<typeof machineSchema>;

export interface MachineSettings
  extends Pick<Machine, 'name' | 'roleArn' | 'loggingConfiguration' | 'tracingEnabled'> {
  /** Amazon States Language, JSON. */
  readonly definition: string;
}

export interface Machines {
  list(): Machine[];
  find(arn: string): Machine | undefined;
  /** Creates the machine or replaces it; executions that run keep their definition. @throws InvalidDefinition */
  put(settings: MachineSettings): Promise<Machine>;
  delete(arn: string): Promise<void>;
  definitionText(revision: string): Promise<string>;
  /** @throws InvalidDefinition when an older program deployed it that allowed more */
  prepared(revision: string): Promise<PreparedMachine>;
}

export interface MachinesOptions extends LoadOptions {
  readonly folder: string;
  readonly arnOf: (name: string) => string;
  readonly now: () => Date;
}

export async function openMachines(options: MachinesOptions): Promise<Machines> {
  const file = makeJsonFile(join(options.folder, 'machines.json'), z.array(machineSchema));
  const machines = new Map((await file.read())?.map((machine) => [machine.arn, machine]));
  const preparedMachines = new Map<string, PreparedMachine>();
  const definitionFile = (revision: string) => join(options.folder, 'definitions', `${revision}.asl.json`);

  async function prepared(revision: string): Promise<PreparedMachine> {
    const known = preparedMachines.get(revision);
    if (known) return known;
    const machine = prepareDefinition(await readFile(definitionFile(revision), 'utf8'), options);
    preparedMachines.set(revision, machine);
    return machine;
  }

  return {
    list: () => [...machines.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    find: (arn) => machines.get(arn),
    async put({ definition, ...settings }) {
      const revision = createHash('sha256').update(definition).digest('hex').slice(0, 32);
      preparedMachines.set(revision, prepareDefinition(definition, options));
      await mkdir(join(options.folder, 'definitions'), { recursive: true });
      await writeFile(definitionFile(revision), definition);
      const arn = options.arnOf(settings.name);
      const nowMs = options.now().getTime();
      const createdMs = machines.get(arn)?.createdMs ?? nowMs;
      const machine: Machine = { ...settings, arn, revision, createdMs, updatedMs: nowMs };
      machines.set(arn, machine);
      await file.write([...machines.values()]);
      return machine;
    },
    async delete(arn) {
      machines.delete(arn);
      await file.write([...machines.values()]);
    },
    definitionText: (revision) => readFile(definitionFile(revision), 'utf8'),
    prepared,
  };
}
