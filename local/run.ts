import { loadConfig } from '../infra/app.ts';
import type { PaddockConfig } from '../infra/config/index.ts';
import { readArrivals } from '../simulation/arrivals.ts';
import { defaultCacheDir } from './build/artifacts.ts';
import { localConfig } from './config.ts';
import { Display } from './display.ts';
import type { ModelServerKind } from './model-server/types.ts';
import { ensureOllama, type OllamaInstall } from './ollama/install.ts';
import { SMALL_MODEL } from './ollama/model.ts';
import { recordedCalls } from './permissions/recorder.ts';
import { writeRecording } from './permissions/recording.ts';
import type { Progress } from './progress.ts';
import { loadOf } from './scenarios/load.ts';
import { Play, type Via } from './scenarios/play.ts';
import type { FleetScale } from './scenarios/scenario.ts';
import { arrivalsScenario, SCENARIOS, type Scenario } from './scenarios/scenarios.ts';
import { spotStorm } from './scenarios/spot-storm.ts';
import { withSystem } from './with-system.ts';

export interface RunOptions extends FleetScale {
  scenario?: string;
  arrivals?: string;
  fleet?: string;
  preset?: 'cpu' | 'gpu';
  counterLagSeconds: number;
  emptyDisks?: boolean;
  minutes?: number;
  timeScale: number;
  /** Of the storm: which instances are taken back, when there is no capacity, and its arrivals. */
  seed: number;
  spotPrice?: number;
  times?: number;
  phaseSeconds: number;
  modelServer: ModelServerKind;
  kubernetes?: string;
  kubeconfig?: string;
  trigger: 'both' | 'schedule' | 'alarm';
  via: Via;
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

  const serviceSeconds = options.serviceSeconds ?? scenario.defaults.serviceSeconds;
  const quiet = options.json === true;
  return await withSystem(
    { stateDir: options.stateDir, quiet },
    async (progress) => ({
      config,
      ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      triggers: { schedule: options.trigger !== 'alarm', alarm: options.trigger !== 'schedule' },
      bootSeconds,
      loadSeconds,
      ...(serviceSeconds === undefined ? {} : { serviceSeconds }),
      ...(isReal && { ollama: await prepareOllama(config, progress) }),
      counterLagSeconds: options.counterLagSeconds,
      emptyDisks: options.emptyDisks ?? scenario.defaults.emptyDisks ?? false,
      recordCalls: options.recordCalls !== undefined,
    }),
    async ({ system, progress, onStop }) => {
      if (system.gateway) {
        const { url, apiKey } = system.gateway;
        progress.info(`Gateway: OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${apiKey} (docs/gateway.md)`);
      }
      const play = new Play(system, scenario, options.via);
      const display = new Display(system, play, scenario, { quiet });
      onStop(() => play.abort());
      onStop(() => display.end());
      display.begin();
      const result = await play.run({ ...options, say: (line) => display.say(line) });
      display.finish(result);
      if (options.recordCalls !== undefined) writeRecording(options.recordCalls, await recordedCalls(system));
      if (options.json) console.log(JSON.stringify(result));
      if (!options.exit) await display.stayUp();
      return result.requests.lost === 0 ? 0 : 1;
    },
  );
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
  const arrivals = options.arrivals === undefined ? undefined : await readArrivals(options.arrivals);
  const faster = arrivals && {
    ...arrivals,
    at: arrivals.at.map((offset) => offset / options.timeScale),
  };
  if (options.scenario === 'spot-storm')
    return spotStorm({ seed: options.seed, minutes: options.minutes, arrivals: faster });
  if (options.arrivals === undefined || faster === undefined) {
    const name = options.scenario ?? 'seed-benchmark';
    return SCENARIOS.find((scenario) => scenario.name === name) as Scenario;
  }
  const until = options.minutes === undefined ? Number.POSITIVE_INFINITY : options.minutes * 60;
  return arrivalsScenario(
    options.arrivals,
    loadOf(faster).filter(({ offsetSeconds }) => offsetSeconds < until),
  );
}
