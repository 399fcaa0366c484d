// Tests run as native ES modules: several dependencies ship nothing else.
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
  // test/**/*.test.ts are unit tests; *.integration.test.ts start real servers and processes.
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // Integration tests start processes and clusters: a busy machine makes them slower, not wrong.
  testTimeout: 300_000,
  modulePathIgnorePatterns: ['<rootDir>/cdk.out'],
};
