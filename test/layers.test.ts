import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const projectFolder = dirname(import.meta.dirname);

/** One planted import for each rule; the folder that imports, what it may not import, the rule that says so. */
const PLANTED = [
  ['core/planted.ts', 'lambdas/step.ts', 'core-imports-only-itself'],
  ['core/planted.ts', 'local/region.ts', 'core-imports-only-itself'],
  ['local/planted.ts', 'core/thing.ts', 'local-imports-only-itself'],
  ['lambdas/planted.ts', 'cli/main.ts', 'lambdas-imports-only-core'],
  ['infra/planted.ts', 'lambdas/step.ts', 'infra-imports-only-core'],
  ['infra/planted.ts', 'core/thing.ts', 'infra-imports-only-the-model'],
  ['cli/planted.ts', 'local/service.ts', 'cli-starts-the-local-region-only'],
  ['cli/planted.ts', 'infra/app.ts', 'cli-imports-only-core-local'],
  ['core/planted.ts', 'test/fixture.ts', 'no-tests-in-the-product'],
  ['core/planted.ts', 'scripts/tool.ts', 'core-imports-only-itself'],
  ['core/model/planted.ts', 'core/repository/index.ts', 'the-model-is-below-the-repository'],
  ['lambdas/runtime/planted.ts', 'lambdas/restore/step.ts', 'the-runtime-is-below-the-steps'],
  [
    'lambdas/restore/upload-batch.ts',
    'node_modules/@aws-sdk/client-ec2/index.js',
    'no-ec2-client-where-data-moves',
  ],
] as const;

const TREE = [
  'core/thing.ts',
  'core/model/ids.ts',
  'lambdas/step.ts',
  'local/region.ts',
  'local/service.ts',
  'cli/main.ts',
  'infra/app.ts',
  'test/fixture.ts',
  'scripts/tool.ts',
  'core/repository/index.ts',
  'lambdas/restore/step.ts',
  'node_modules/@aws-sdk/client-ec2/index.js',
];

describe('the layer check', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'landfall-layers-'));
    for (const file of TREE) write(file, 'export const value = 1;\n');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };

  const check = (): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        join(projectFolder, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs'),
        '--config',
        join(projectFolder, '.dependency-cruiser.mjs'),
        'core',
        'lambdas',
        'local',
        'infra',
        'cli',
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    return { status, output: stdout + stderr };
  };

  it('passes what is allowed', () => {
    write('cli/allowed.ts', "import '../core/thing.ts';\nimport '../local/region.ts';\n");
    write('infra/allowed.ts', "import '../core/model/ids.ts';\n");
    write(
      'lambdas/allowed.ts',
      "import type { value } from '../core/thing.ts';\nexport type T = typeof value;\n",
    );
    const { status, output } = check();
    expect(output).toContain('no dependency violations found');
    expect(status).toBe(0);
  });

  it('names a planted cycle', () => {
    write('core/one.ts', "import './two.ts';\n");
    write('core/two.ts', "import './one.ts';\n");
    const { status, output } = check();
    rmSync(join(folder, 'core', 'two.ts'));
    rmSync(join(folder, 'core', 'one.ts'));
    expect(status).not.toBe(0);
    expect(output).toContain('error no-cycles: core/');
  });

  it('names every planted violation', () => {
    for (const [index, [from, to]] of PLANTED.entries()) {
      const up = '../'.repeat(from.split('/').length - 1);
      write(from.replace('planted', `planted-${index}`), `import '${up}${to}';\n`);
    }
    const { status, output } = check();
    expect(status).not.toBe(0);
    for (const [index, [from, to, rule]] of PLANTED.entries()) {
      const file = from.replace('planted', `planted-${index}`);
      expect(output).toContain(`error ${rule}: ${file} → ${to}`);
    }
  });
});
