import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, buildSync } from 'esbuild';

const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** How everything is bundled that runs in AWS: Lambda functions and the program of the helper appliance. */
export const PROGRAM_OPTIONS = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  // Names of classes are names of errors, which the state machine's Retry and Catch match.
  keepNames: true,
  legalComments: 'none',
  // What is CommonJS in the bundle may call require.
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** Names of the steps: each file directly in lambdas/restore is one Lambda function; folders hold what they share. */
export function stepNames(): string[] {
  return readdirSync(join(projectFolder, 'lambdas', 'restore'), { withFileTypes: true })
    .filter((file) => file.isFile() && file.name.endsWith('.ts'))
    .map((file) => file.name.replace(/\.ts$/, ''));
}

/**
 * Bundles every step into one asset folder: one esbuild run with shared chunks, so that all functions deploy the
 * same code once and the local region can load them into one worker. Returns the folder.
 */
export function bundleLambdas(outputFolder: string): string {
  rmSync(outputFolder, { recursive: true, force: true });
  buildSync({
    ...PROGRAM_OPTIONS,
    absWorkingDir: projectFolder,
    entryPoints: stepNames().map((name) => `lambdas/restore/${name}.ts`),
    outbase: 'lambdas',
    outdir: outputFolder,
    outExtension: { '.js': '.mjs' },
    splitting: true,
  });
  return outputFolder;
}
