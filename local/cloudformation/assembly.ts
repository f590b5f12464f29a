import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { readTextIfThere } from '../json-file.ts';
import { UndeployableAssembly } from './errors.ts';
import type { Template } from './template.ts';
import { problemsOf, templateSchema } from './template.ts';

/** A stack as `cdk synth` left it. */
export interface AssemblyStack {
  readonly stackName: string;
  readonly template: Template;
  readonly templateText: string;
  /** File assets by the key that the template knows them by. */
  readonly assets: ReadonlyMap<string, FileAsset>;
  /** Assets that are single files, as they are to lie in S3 before anything of the stack is made. */
  readonly files: readonly PublishedFile[];
  /** Construct paths by logical id, for messages. */
  readonly constructs: ReadonlyMap<string, string>;
}

export interface FileAsset {
  /** Absolute path of a file or folder. */
  readonly path: string;
  readonly packaging: string;
}

/** A file asset and a place for it in S3; `${AWS::AccountId}` and the like in it are not replaced yet. */
export interface PublishedFile {
  /** Absolute path of the file. */
  readonly path: string;
  readonly bucketName: string;
  readonly objectKey: string;
}

const metadataSchema = z.record(
  z.string(),
  z.array(z.looseObject({ type: z.string(), data: z.unknown().optional() })),
);

const artifactSchema = z.looseObject({
  type: z.string(),
  properties: z
    .looseObject({
      templateFile: z.string().optional(),
      stackName: z.string().optional(),
      file: z.string().optional(),
    })
    .optional(),
  dependencies: z.array(z.string()).default([]),
  metadata: metadataSchema.default({}),
  additionalMetadataFile: z.string().optional(),
});

const manifestSchema = z.looseObject({ artifacts: z.record(z.string(), artifactSchema).default({}) });

const assetsSchema = z.looseObject({
  files: z
    .record(
      z.string(),
      z.looseObject({
        source: z.looseObject({ path: z.string().optional(), packaging: z.string().default('file') }),
        destinations: z.record(z.string(), z.looseObject({ bucketName: z.string(), objectKey: z.string() })),
      }),
    )
    .default({}),
  dockerImages: z.record(z.string(), z.unknown()).default({}),
});

type Artifact = z.infer<typeof artifactSchema>;

const STACK = 'aws:cloudformation:stack';
const ASSETS = 'cdk:asset-manifest';
/** What else an assembly holds that a deploy has nothing to do with. */
const IGNORED_ARTIFACTS = new Set(['cdk:tree', 'cdk:feature-flag-report']);

/**
 * Reads a cloud assembly: its stacks in the order in which they depend on each other.
 * @throws UndeployableAssembly when it holds what cannot be deployed here
 */
export async function readAssembly(folder: string): Promise<AssemblyStack[]> {
  const text = await readTextIfThere(join(folder, 'manifest.json'));
  if (text === undefined)
    throw new UndeployableAssembly([`${folder} has no manifest.json: it is no cloud assembly`]);
  const { artifacts } = manifestSchema.parse(JSON.parse(text));
  const unknown = Object.entries(artifacts).filter(
    ([, { type }]) => ![STACK, ASSETS].includes(type) && !IGNORED_ARTIFACTS.has(type),
  );
  if (unknown.length > 0) {
    throw new UndeployableAssembly(
      unknown.map(([id, { type }]) => `artifact ${id} of type ${type} is not simulated`),
    );
  }
  const stacks: AssemblyStack[] = [];
  for (const id of stackOrder(artifacts)) {
    const artifact = artifacts[id];
    if (artifact) stacks.push(await readStack(folder, { id, artifact, artifacts }));
  }
  return stacks;
}

/** Stacks after those they depend on; synthesis has already refused cycles. */
function stackOrder(artifacts: Readonly<Record<string, Artifact>>): string[] {
  const ordered: string[] = [];
  const visit = (id: string, path: readonly string[]): void => {
    const artifact = artifacts[id];
    if (artifact?.type !== STACK || ordered.includes(id) || path.includes(id)) return;
    for (const dependency of artifact.dependencies) visit(dependency, [...path, id]);
    ordered.push(id);
  };
  for (const id of Object.keys(artifacts)) visit(id, []);
  return ordered;
}

interface StackArtifact {
  readonly id: string;
  readonly artifact: Artifact;
  readonly artifacts: Readonly<Record<string, Artifact>>;
}

async function readStack(folder: string, { id, artifact, artifacts }: StackArtifact): Promise<AssemblyStack> {
  const stackName = artifact.properties?.stackName ?? id;
  const templateFile = resolve(folder, artifact.properties?.templateFile ?? `${id}.template.json`);
  const templateText = await readFile(templateFile, 'utf8');
  const parsed = templateSchema.safeParse(JSON.parse(templateText));
  if (!parsed.success) {
    throw new UndeployableAssembly(
      problemsOf(parsed.error).map((problem) => `stack ${stackName}: ${problem}`),
    );
  }
  const assets = new Map<string, FileAsset>();
  const files: PublishedFile[] = [];
  for (const dependency of artifact.dependencies) {
    const manifest = artifacts[dependency];
    if (manifest?.type === ASSETS && manifest.properties?.file) {
      await readAssets(folder, manifest.properties.file, { assets, files });
    }
  }
  const constructs = new Map([
    ...constructsIn(artifact.metadata),
    ...constructsIn(await additionalMetadata(folder, artifact)),
  ]);
  return {
    stackName,
    template: parsed.data,
    templateText,
    assets,
    // CloudFormation would take its template from S3; here it is read where it lies.
    files: files.filter(({ path }) => path !== templateFile),
    constructs,
  };
}

interface FoundAssets {
  readonly assets: Map<string, FileAsset>;
  readonly files: PublishedFile[];
}

async function readAssets(
  folder: string,
  file: string,
  { assets, files: found }: FoundAssets,
): Promise<void> {
  const { files, dockerImages } = assetsSchema.parse(JSON.parse(await readFile(join(folder, file), 'utf8')));
  if (Object.keys(dockerImages).length > 0)
    throw new UndeployableAssembly(['Docker image assets are not simulated']);
  for (const { source, destinations } of Object.values(files)) {
    if (source.path === undefined)
      throw new UndeployableAssembly([`${file}: an asset without a path is not simulated`]);
    const asset: FileAsset = { path: resolve(folder, source.path), packaging: source.packaging };
    for (const { bucketName, objectKey } of Object.values(destinations)) {
      assets.set(objectKey, asset);
      if (asset.packaging === 'file') found.push({ path: asset.path, bucketName, objectKey });
    }
  }
}

async function additionalMetadata(
  folder: string,
  artifact: Artifact,
): Promise<z.infer<typeof metadataSchema>> {
  if (artifact.additionalMetadataFile === undefined) return {};
  return metadataSchema.parse(
    JSON.parse(await readFile(join(folder, artifact.additionalMetadataFile), 'utf8')),
  );
}

function constructsIn(metadata: z.infer<typeof metadataSchema>): [logicalId: string, path: string][] {
  return Object.entries(metadata).flatMap(([path, entries]) =>
    entries
      .filter(({ type }) => type === 'aws:cdk:logicalId')
      .map(({ data }): [string, string] => [String(data), path.replace(/^\//, '')]),
  );
}
