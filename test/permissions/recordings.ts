import { existsSync } from 'node:fs';
import { loadConfig } from '../../infra/app.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import { repositoryPath } from '../../infra/paths.ts';
import { localConfig } from '../../local/config.ts';
import {
  type AwsCall,
  type KubernetesCall,
  lacking,
  type Recording,
  readRecording,
  recording,
  writeRecording,
} from '../../local/permissions/recording.ts';
import { arrivalsScenario } from '../../local/scenarios/scenarios.ts';
import { gatewayConfig } from '../gateway/config.ts';
import { config as faultsConfig, spotConfig, upgradeConfig } from '../local/system/config.ts';

/** A run whose calls are kept in `recordings/<name>.json`. */
export interface RecordedRun {
  readonly name: string;
  /** As docs/permissions.md calls it. */
  readonly title: string;
  readonly config: PaddockConfig;
  /** Arguments of `node` that play it. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Calls (`<role> <action>`, `<caller> <verb> <resource>`) that not every run makes, or all of a caller (`<role>`), and why. */
  readonly sometimes?: Readonly<Record<string, string>>;
}

export const recordingFile = (name: string): string =>
  repositoryPath('test', 'permissions', 'recordings', `${name}.json`);

/** Set while `npm run permissions -- --record` plays the runs. */
const RECORD = 'PADDOCK_RECORD_CALLS';

const shipped = await loadConfig({});

/** Twenty requests, and one after a pause in which the fleet comes to rest. */
const PAUSE = 'test/permissions/pause.csv';

const jest = (testFile: string): string[] => [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
  testFile,
];

/** The health check is called once a minute, and how much it finds by then differs. */
const HEALTH_BY_THE_CLOCK = {
  HealthcheckSchedulerRole: 'once a minute',
  HealthcheckRole: 'with each of those',
  'Group paddock:healthcheck': 'with each of those',
};

export const RUNS: readonly RecordedRun[] = [
  {
    name: 'system-faults',
    title: 'the system under faults (`test/local/system/faults.integration.test.ts`)',
    config: faultsConfig(),
    command: jest('test/local/system/faults.integration.test.ts'),
    environment: { [RECORD]: '1' },
    sometimes: {
      'FleetcpuTriggersRuleRole states:StartExecution':
        'the alarm looks at the queue once a minute, which may be between two loads',
      'FleetcpuWorkerRole sqs:ChangeMessageVisibility':
        'a message is given back when its worker drains in the middle of it',
      'ScalerRole dynamodb:DeleteItem': 'a loop frees its lease once nothing came for a minute',
      'HealthcheckSchedulerRole lambda:InvokeFunction':
        'once a minute, which may be while its targets are down',
    },
  },
  {
    name: 'spot',
    title: 'spot capacity that is taken back and runs out (`test/local/system/spot.integration.test.ts`)',
    config: spotConfig(),
    command: jest('test/local/system/spot.integration.test.ts'),
    environment: { [RECORD]: '1' },
    sometimes: {
      'FleetcpuTriggersRuleRole states:StartExecution': 'the alarm looks at the queue once a minute',
      'FleetcpuTriggersSchedulerRole states:StartExecution': 'once a minute',
      ...HEALTH_BY_THE_CLOCK,
      'ScaleRole states:StartExecution': 'a loop hands over after nearly four minutes',
      'ScaleRole autoscaling:TerminateInstanceInAutoScalingGroup': 'the fleet may not have shrunk by then',
      'ScaleRole autoscaling:SetInstanceProtection':
        'instances are protected only when the failing pool is not needed any more before there is capacity again',
      'Group paddock:scaler delete leases': 'with each replica that left',
      'ScalerRole dynamodb:DeleteItem': 'a loop frees its lease once nothing came for a while',
    },
  },
  {
    name: 'pause',
    title: `a fleet that is woken, comes to rest, and is woken again (\`paddock local --arrivals ${PAUSE}\`)`,
    // 2 s for a node and 3 s for a model: what the command line assumes.
    config: localConfig(shipped, arrivalsScenario(PAUSE, []), { minReplicas: 0, leadSeconds: 5 }),
    command: [
      ...['cli/paddock.ts', 'local', '--arrivals', PAUSE, '--min-replicas', '0', '--exit', '--json'],
      ...['--record-calls', recordingFile('pause')],
    ],
    environment: {},
  },
  {
    name: 'gateway',
    title: "OpenAI's client at the gateway (`test/gateway/openai.integration.test.ts`)",
    config: gatewayConfig(),
    command: jest('test/gateway/openai.integration.test.ts'),
    environment: { [RECORD]: '1' },
  },
  {
    name: 'upgrade',
    title:
      'upgrades of Ollama, of a model and of nodes under load (`test/local/system/upgrade.integration.test.ts`)',
    config: upgradeConfig(),
    command: jest('test/local/system/upgrade.integration.test.ts'),
    environment: { [RECORD]: '1' },
    sometimes: {
      ...HEALTH_BY_THE_CLOCK,
      'FleetcpuTriggersRuleRole states:StartExecution':
        'the alarm looks at the queue once a minute, which may be between two requests',
      'FleetcpuWorkerRole sqs:ChangeMessageVisibility':
        'a message is given back when its worker drains in the middle of it',
      'ScalerRole dynamodb:DeleteItem': 'a loop frees its lease once nothing came for a minute',
      'paddock-scaler delete leases.coordination.k8s.io': 'of a worker that was forgotten already',
    },
  },
  {
    name: 'dead-letters',
    title: 'requests whose workers die, swept and redriven (`test/gateway/dead-letters.integration.test.ts`)',
    config: gatewayConfig(),
    command: jest('test/gateway/dead-letters.integration.test.ts'),
    environment: { [RECORD]: '1' },
    sometimes: {
      'FleetcpuWorkerRole sqs:ChangeMessageVisibility':
        'a worker that lives long enough keeps its message hidden',
    },
  },
  {
    name: 'models',
    title: 'models mirrored, filled, ordered and removed (`test/models/models.integration.test.ts`)',
    config: gatewayConfig(),
    command: jest('test/models/models.integration.test.ts'),
    environment: { [RECORD]: '1' },
  },
];

/** Compares what a run called with its recording; writes the recording instead while recordings are made. */
export function expectRecorded(name: string, calls: Recording): void {
  const file = recordingFile(name);
  const isOptional = optional(name);
  if (process.env[RECORD]) {
    const before = existsSync(file) ? readRecording(file) : recording([], []);
    const kept = { aws: before.aws.filter(isOptional), kubernetes: before.kubernetes.filter(isOptional) };
    const union = recording([...kept.aws, ...calls.aws], [...kept.kubernetes, ...calls.kubernetes]);
    writeRecording(file, union);
    return;
  }
  const known = readRecording(file);
  const hint = `Run "npm run permissions -- --record ${name}" and commit test/permissions/recordings/${name}.json.`;
  // How long a run takes decides some of its calls: those of another run have been judged there.
  const elsewhere = RUNS.map((run) => recordingFile(run.name))
    .filter(existsSync)
    .map(readRecording);
  const anywhere = recording(
    elsewhere.flatMap(({ aws }) => aws),
    elsewhere.flatMap(({ kubernetes }) => kubernetes),
  );
  const added = lacking(calls, anywhere).filter((call) => !isOptional(call));
  if (added.length > 0) throw new Error(`Calls that are in no recording:\n${lines(added)}\n${hint}`);
  const gone = lacking(known, calls).filter((call) => !isOptional(call));
  if (gone.length > 0) throw new Error(`Recorded calls that were not made:\n${lines(gone)}\n${hint}`);
}

const lines = (calls: readonly object[]): string => calls.map((call) => JSON.stringify(call)).join('\n');

function optional(name: string): (call: AwsCall | KubernetesCall) => boolean {
  const sometimes = RUNS.find((run) => run.name === name)?.sometimes ?? {};
  return (call) =>
    ('role' in call ? call.role : call.as) in sometimes ||
    ('role' in call ? `${call.role} ${call.action}` : `${call.as} ${call.verb} ${call.resource}`) in
      sometimes;
}
