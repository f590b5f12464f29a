import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import type { Host } from './host.ts';

/** Flags that every command has; they may stand before or after the command's name. */
const globalFlagsSchema = z.object({
  local: z.boolean().default(false),
  json: z.boolean().default(false),
  stateFolder: z.string().default('.landfall'),
  region: z.string().optional(),
  stack: z.string().default('Landfall'),
  quiet: z.boolean().default(false),
  progress: z.boolean().default(true),
});

export type GlobalFlags = z.infer<typeof globalFlagsSchema>;

/** Who wants something done: the process, and the flags that say where. */
export interface Caller {
  readonly host: Host;
  readonly flags: GlobalFlags;
}

export const globalOptions = (): Option[] => [
  new Option('--local', 'use the local region on this machine instead of AWS'),
  new Option('--state-folder <folder>', 'where the local region keeps its state').default('.landfall'),
  new Option('--region <region>', 'AWS region; default: AWS_REGION or the profile’s'),
  new Option('--stack <name>', 'CloudFormation stack that Landfall is deployed as').default('Landfall'),
  new Option('--json', 'print results as JSON'),
  new Option('--no-progress', 'show no progress'),
  new Option('--quiet', 'print no progress and no notes beyond what it talks to and warnings'),
];

/** All flags of a command, the global ones included, as commander read them; from here on the host knows --quiet. */
export function readFlags<Shape extends z.ZodRawShape>(
  command: Command,
  { host, shape }: { host: Host; shape: Shape },
): { readonly global: GlobalFlags; readonly own: z.output<z.ZodObject<Shape>> } {
  const values = command.optsWithGlobals();
  const global = globalFlagsSchema.parse(values);
  host.isQuiet = global.quiet;
  return {
    global: { ...global, stateFolder: resolve(host.cwd, global.stateFolder) },
    own: z.object(shape).parse(values),
  };
}

/** Whether progress is shown: not with --quiet, --no-progress or --json. */
export const showsProgress = ({ quiet, progress, json }: GlobalFlags): boolean => !quiet && progress && !json;
