import { loadConfig } from '../../infra/app.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import { repositoryPath } from '../../infra/paths.ts';
import { localConfig } from '../../local/config.ts';
import { lacking, type Recording, readRecording, writeRecording } from '../../local/permissions/recording.ts';
import { SCENARIOS, type Scenario } from '../../local/scenarios/scenarios.ts';
import { config as faultsConfig } from '../local/system/config.ts';

/** A run whose calls are kept in `recordings/<name>.json`. */
export interface RecordedRun {
  readonly name: string;
  /** As docs/permissions.md calls it. */
  readonly title: string;
  readonly config: PaddockConfig;
  /** Arguments of `node` that play it. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export const recordingFile = (name: string): string =>
  repositoryPath('test', 'permissions', 'recordings', `${name}.json`);

/** Set while `npm run permissions -- --record` plays the runs. */
const RECORD = 'PADDOCK_RECORD_CALLS';

const shipped = await loadConfig({});
const benchmark = SCENARIOS.find(({ name }) => name === 'seed-benchmark') as Scenario;

const jest = (testFile: string): string[] => [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
  testFile,
];

export const shippedConfig: PaddockConfig = shipped;

export const RUNS: readonly RecordedRun[] = [
  {
    name: 'system-faults',
    title: 'the system under faults (`test/local/system/faults.integration.test.ts`)',
    config: faultsConfig(),
    command: jest('test/local/system/faults.integration.test.ts'),
    environment: { [RECORD]: '1' },
  },
  {
    name: 'seed-benchmark',
    title: 'the original benchmark (`npm start`)',
    // 2 s for a node and 3 s for a model: what the command line assumes.
    config: localConfig(shipped, benchmark, { leadSeconds: 5 }),
    command: [
      ...['cli/paddock.ts', 'local', '--scenario', benchmark.name, '--exit', '--json'],
      ...['--record-calls', recordingFile('seed-benchmark')],
    ],
    environment: {},
  },
];

/** Compares what a run called with its recording; writes the recording instead while recordings are made. */
export function expectRecorded(name: string, calls: Recording): void {
  const file = recordingFile(name);
  if (process.env[RECORD]) {
    writeRecording(file, calls);
    return;
  }
  const kept = readRecording(file);
  const hint = `Run "npm run permissions -- --record ${name}" and commit ${file}.`;
  const added = lacking(calls, kept);
  if (added.length > 0) throw new Error(`Calls that are not in the recording:\n${added.join('\n')}\n${hint}`);
  const gone = lacking(kept, calls);
  if (gone.length > 0) throw new Error(`Recorded calls that were not made:\n${gone.join('\n')}\n${hint}`);
}
