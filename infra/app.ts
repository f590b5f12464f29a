import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib';
import { z } from 'zod';
import { bundleLambdas } from './bundle.ts';
import { buildHelperBundle } from './helper-bundle.ts';
import { LandfallStack } from './stacks/landfall-stack.ts';

const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));

const app = new App({ analyticsReporting: false });
/** A context value of names or ARNs, separated by commas. */
const listOf = (context: string): string[] =>
  z
    .string()
    .parse(app.node.tryGetContext(context) ?? '')
    .split(',')
    .filter((name) => name !== '');

new LandfallStack(app, 'Landfall', {
  description: 'Landfall: restores backed-up machines to Amazon EC2',
  codeFolder: bundleLambdas(join(projectFolder, 'build', 'lambdas')),
  helperBundle: buildHelperBundle(join(projectFolder, 'build', 'helper')),
  repositoryBuckets: listOf('repositoryBuckets'),
  instanceProfileRoles: listOf('instanceProfileRoles'),
});
app.synth();
