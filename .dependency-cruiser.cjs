// The direction of imports is the architecture (docs/architecture.md): core ← adapters ← functions, worker, local.
const SDK = '^node_modules/(@aws-sdk|@smithy|@kubernetes|ollama|openai)';
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'core-is-pure',
      comment: 'core/ decides; it imports nothing of the project but itself, no SDK and no Node built-in',
      severity: 'error',
      from: { path: '^core/' },
      to: { pathNot: '^(core/|node_modules/zod/)' },
    },
    {
      name: 'adapters-know-only-core',
      severity: 'error',
      from: { path: '^adapters/' },
      to: { path: '^(functions|worker|infra|local|simulation|cli|workloads|state-machines|test)/' },
    },
    {
      name: 'sdks-only-in-adapters',
      comment: 'import type is fine anywhere; local/ plays AWS and Kubernetes, so it may hold real clients',
      severity: 'error',
      from: { pathNot: '^(adapters|local|infra)/' },
      to: { path: SDK, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'functions-and-worker-stay-apart',
      severity: 'error',
      from: { path: '^(functions|worker)/' },
      to: { path: '^(infra|local|simulation|cli|workloads)/' },
    },
    {
      name: 'worker-and-functions-share-only-core-and-adapters',
      severity: 'error',
      from: { path: '^worker/' },
      to: { path: '^functions/' },
    },
    {
      name: 'functions-leave-the-worker-alone',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^worker/' },
    },
    {
      name: 'infra-knows-workloads-and-core',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: '^(adapters|functions|worker|local|simulation|cli)/' },
    },
    {
      name: 'workloads-are-data',
      severity: 'error',
      from: { path: '^workloads/' },
      to: { path: '^(adapters|functions|worker|infra|local|simulation|cli)/' },
    },
    {
      name: 'simulation-knows-only-core',
      severity: 'error',
      from: { path: '^simulation/' },
      to: { path: '^(adapters|functions|worker|infra|local|cli|workloads)/' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(cdk.out|test)/' },
  },
};
