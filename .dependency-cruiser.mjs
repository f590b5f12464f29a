// Who may import whom. `npm run check` fails on a violation; test/layers.test.ts plants one of each kind.
const layer = (name, mayImport) => ({
  name: `${name}-imports-only-${mayImport.join('-') || 'itself'}`,
  severity: 'error',
  from: { path: `^${name}/` },
  to: {
    path: '^(bin|bench|cli|core|helper|infra|lambdas|local|samples|scripts|test)/',
    pathNot: `^(${[name, ...mayImport].join('|')})/`,
  },
});

/** @type {import('dependency-cruiser').IConfiguration} */
const config = {
  forbidden: [
    layer('core', []),
    layer('lambdas', ['core']),
    layer('helper', ['core']),
    layer('local', []),
    layer('infra', ['core']),
    layer('cli', ['core', 'local']),
    {
      name: 'cli-starts-the-local-region-only',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^local/', pathNot: '^local/region\\.ts$' },
    },
    {
      name: 'infra-imports-only-the-model',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: '^core/', pathNot: '^core/model/' },
    },
    {
      name: 'the-model-is-below-the-repository',
      severity: 'error',
      from: { path: '^core/model/' },
      to: { path: '^core/repository/' },
    },
    {
      name: 'the-runtime-is-below-the-steps',
      severity: 'error',
      from: { path: '^lambdas/runtime/' },
      to: { path: '^lambdas/restore/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-ec2-client-where-data-moves',
      comment: 'client-ec2 triples the size and start time of a bundle',
      severity: 'error',
      from: {
        path: '^lambdas/restore/(upload-batch|(start|complete)-disk-upload|create-zero-object|write-snapshot-batch|(start|complete)-direct-snapshot)\\.ts$',
      },
      to: { path: 'client-ec2', reachable: true },
    },
    {
      name: 'no-tests-in-the-product',
      severity: 'error',
      from: { pathNot: '^test/' },
      to: { path: '^test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(build|cdk\\.out|\\.landfall)/|\\.d\\.ts$' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};

export default config;
