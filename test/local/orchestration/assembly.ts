import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface HandMadeStack {
  readonly name: string;
  readonly template: unknown;
  /** Files of its one asset, known to the template by the key `code.zip`. */
  readonly code?: Readonly<Record<string, string>>;
  readonly constructs?: Readonly<Record<string, string>>;
  readonly dependsOn?: readonly string[];
}

/** Writes a cloud assembly as `cdk synth` would. */
export async function writeAssembly(folder: string, stacks: readonly HandMadeStack[]): Promise<void> {
  const artifacts: Record<string, unknown> = {};
  await mkdir(folder, { recursive: true });
  for (const { name, template, code, constructs = {}, dependsOn = [] } of stacks) {
    await writeFile(join(folder, `${name}.template.json`), JSON.stringify(template));
    artifacts[name] = {
      type: 'aws:cloudformation:stack',
      properties: { templateFile: `${name}.template.json` },
      dependencies: [...dependsOn, `${name}.assets`],
      metadata: Object.fromEntries(
        Object.entries(constructs).map(([id, path]) => [path, [{ type: 'aws:cdk:logicalId', data: id }]]),
      ),
    };
    artifacts[`${name}.assets`] = { type: 'cdk:asset-manifest', properties: { file: `${name}.assets.json` } };
    const files: Record<string, unknown> = {};
    if (code) {
      files.code = {
        source: { path: `asset.${name}`, packaging: 'zip' },
        destinations: { here: { bucketName: 'assets', objectKey: 'code.zip' } },
      };
      for (const [file, content] of Object.entries(code)) {
        const path = join(folder, `asset.${name}`, file);
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, content);
      }
    }
    await writeFile(join(folder, `${name}.assets.json`), JSON.stringify({ version: '1', files }));
  }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ version: '1', artifacts }));
}

export const ROLE = {
  Type: 'AWS::IAM::Role',
  Properties: { AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] } },
};

/** A function of the assembly's asset, with a role that must be declared as `Role`. */
export const functionResource = (handler: string, more: Record<string, unknown> = {}) => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    Runtime: 'nodejs24.x',
    Handler: handler,
    Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
    Code: { S3Bucket: 'assets', S3Key: 'code.zip' },
    ...more,
  },
});
