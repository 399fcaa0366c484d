import { mkdirSync } from 'node:fs';
import { loadConfig } from '../infra/app.ts';
import type { PaddockConfig } from '../infra/config/index.ts';
import { readArrivals } from '../simulation/arrivals.ts';
import { defaultCacheDir } from './build/artifacts.ts';
import { localConfig } from './config.ts';
import { Display } from './display.ts';
import { DEFAULT_DECODE_RATE, type ModelServerKind } from './model-server/types.ts';
import { ensureOllama, type OllamaInstall } from './ollama/install.ts';
import { SMALL_MODEL } from './ollama/model.ts';
import { recordedCalls } from './permissions/recorder.ts';
import { writeRecording } from './permissions/recording.ts';
import { Supervisor, stopOnSignals } from './processes.ts';
import { createProgress, type Progress } from './progress.ts';
import { Play } from './scenarios/play.ts';
import { arrivalsScenario, SCENARIOS, type Scenario } from './scenarios/scenarios.ts';
import { removeSession, writeSession } from './session.ts';
import { takeStateFolder } from './state-folder.ts';
import { startSystem } from './system/start.ts';
import type { LocalSystem } from './system/system.ts';

export interface RunOptions {
  scenario?: string;
  arrivals?: string;
  fleet?: string;
  preset?: 'cpu' | 'gpu';
  slots?: number;
  serviceSeconds?: number;
  bootSeconds?: number;
  loadSeconds?: number;
  minReplicas?: number;
  maxReplicas?: number;
  counterLagSeconds: number;
  minutes?: number;
  timeScale: number;
  times: number;
  phaseSeconds: number;
  modelServer: ModelServerKind;
  kubeconfig?: string;
  trigger: 'both' | 'schedule' | 'alarm';
  config: string;
  stateDir: string;
  recordCalls?: string;
  exit?: boolean;
  json?: boolean;
}

const DEFAULT_BOOT_SECONDS = 2;
const DEFAULT_LOAD_SECONDS = 3;
/** Replicas of the real Ollama share this machine's processors and memory (about 0.7 GB each): more serve no faster. */
const DEFAULT_OLLAMA_REPLICAS = 2;

/**
 * `paddock local`: brings the system up, plays a load, shows it, and stays up until Ctrl-C unless told to exit.
 *
 * @returns the exit code: 0 when nothing was lost
 * @throws what start-up throws; everything that had been started is ended then
 */
export async function runLocal(options: RunOptions): Promise<number> {
  const scenario = await chooseScenario(options);
  const bootSeconds = options.bootSeconds ?? scenario.defaults.bootSeconds ?? DEFAULT_BOOT_SECONDS;
  const loadSeconds = options.loadSeconds ?? scenario.defaults.loadSeconds ?? DEFAULT_LOAD_SECONDS;
  process.env.PADDOCK_CONFIG = options.config;
  const isReal = options.modelServer === 'ollama';
  const config = localConfig(await loadConfig(), scenario, {
    ...options,
    ...(isReal && {
      maxReplicas: options.maxReplicas ?? Math.max(DEFAULT_OLLAMA_REPLICAS, options.minReplicas ?? 0),
    }),
    leadSeconds: bootSeconds + loadSeconds,
  });

  const { stateDir } = options;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const progress = createProgress({ quiet: options.json === true });
  const lock = await takeStateFolder(stateDir, (names) =>
    progress.info(`Ended what a crashed run had left behind: ${names.join(', ')}`),
  );
  let system: LocalSystem | undefined;
  let play: Play | undefined;
  let display: Display | undefined;
  const supervisor = new Supervisor({
    stateDir,
    onUnexpectedExit: (error) => {
      console.error(error.message);
      process.kill(process.pid, 'SIGTERM');
    },
  });
  const stopAll = async (): Promise<void> => {
    play?.abort();
    display?.end();
    removeSession(stateDir);
    await system?.stop();
    await supervisor.stopAll();
    lock.release();
  };
  let stopping: Promise<void> | undefined;
  // A signal and the end of the run may both ask for it.
  const stop = (): Promise<void> => {
    stopping ??= stopAll();
    return stopping;
  };
  const undoSignals = stopOnSignals(stop);
  try {
    const ollama = isReal ? await prepareOllama(config, progress) : undefined;
    const serviceSeconds = options.serviceSeconds ?? scenario.defaults.serviceSeconds;
    system = await startSystem({
      config,
      stateDir,
      cacheDir: defaultCacheDir(),
      ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      triggers: { schedule: options.trigger !== 'alarm', alarm: options.trigger !== 'schedule' },
      bootSeconds,
      loadSeconds,
      ...(serviceSeconds === undefined ? {} : { serviceSeconds }),
      ...(ollama && { ollama }),
      counterLagSeconds: options.counterLagSeconds,
      recordCalls: options.recordCalls !== undefined,
      supervisor,
      progress,
    });
    announce(system, stateDir);
    if (system.gateway) {
      const { url, apiKey } = system.gateway;
      progress.info(`Gateway: OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${apiKey} (docs/gateway.md)`);
    }
    play = new Play(system, scenario);
    display = new Display(system, play, scenario, { quiet: options.json === true });
    display.begin();
    const result = await play.run({ ...options, say: (line) => display?.say(line) });
    display.finish(result);
    if (options.recordCalls !== undefined) writeRecording(options.recordCalls, await recordedCalls(system));
    if (options.json) console.log(JSON.stringify(result));
    if (!options.exit) await display.stayUp();
    return result.requests.lost === 0 ? 0 : 1;
  } finally {
    undoSignals();
    await stop();
  }
}

/** Says what runs in place of the fleet's models. */
async function prepareOllama(config: PaddockConfig, progress: Progress): Promise<OllamaInstall> {
  const ollama = await ensureOllama({ cacheDir: defaultCacheDir(), progress });
  const models = config.fleets.flatMap((fleet) => fleet.models).join(', ');
  progress.info(
    `Ollama ${ollama.version} (${ollama.program}): every replica runs one, and ${models} is ${SMALL_MODEL} under that name.`,
  );
  return ollama;
}

async function chooseScenario(options: RunOptions): Promise<Scenario> {
  if (options.arrivals === undefined) {
    const name = options.scenario ?? 'seed-benchmark';
    return SCENARIOS.find((scenario) => scenario.name === name) as Scenario;
  }
  const { at, service } = await readArrivals(options.arrivals);
  const arrivals = [...at].map((offsetSeconds, index) => ({
    offsetSeconds: offsetSeconds / options.timeScale,
    promptTokens: 1,
    // A service time is played as the tokens that the synthetic server takes that long for.
    outputTokens: Math.max(1, Math.round((service[index] as number) * DEFAULT_DECODE_RATE)),
  }));
  const until = options.minutes === undefined ? Number.POSITIVE_INFINITY : options.minutes * 60;
  return arrivalsScenario(
    options.arrivals,
    arrivals.filter(({ offsetSeconds }) => offsetSeconds < until),
  );
}

/** Lets other commands find this system. */
function announce(system: LocalSystem, stateDir: string): void {
  const { front, config, policy, cluster, gateway } = system;
  writeSession(stateDir, {
    pid: process.pid,
    endpointUrl: front.url,
    region: front.region,
    accessKeyId: front.admin.accessKeyId,
    secretAccessKey: front.admin.secretAccessKey,
    cluster: config.cluster.name,
    fleet: policy.fleet,
    table: system.tableName,
    kubeconfig: cluster.kubeconfigPath,
    faults: { url: system.faultServer.url, token: system.faultServer.token },
    ...(gateway && { gateway: { url: gateway.url, apiKey: gateway.apiKey } }),
  });
}
