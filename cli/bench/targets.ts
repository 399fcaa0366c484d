import type { GenerationClient } from '../../adapters/generation.ts';
import { OllamaGeneration } from '../../adapters/ollama/generation.ts';
import { BackgroundGeneration } from '../../adapters/openai/background.ts';

export const MODES = ['direct', 'router', 'queue'] as const;
/** `direct`: a model server; `router`: through Nginx; `queue`: through the gateway. */
export type Mode = (typeof MODES)[number];

export interface Target {
  url: string;
  mode: Mode;
  client: GenerationClient;
}

export interface TargetOptions {
  /** Undefined: asked from the server. */
  mode?: Mode;
  /** For the gateway. */
  apiKey?: string;
  /** Seconds that a queued request may take from end to end. */
  deadlineSeconds: number;
}

const PROBE_TIMEOUT_MS = 5_000;

/** @throws an Error that says what to do: not a URL, nobody answers, the gateway needs a key. */
export async function openTarget(url: string, options: TargetOptions): Promise<Target> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new Error(`"${url}" is no URL. Give one such as http://127.0.0.1:11434.`);
  }
  const mode = options.mode ?? (await probeMode(url));
  if (mode !== 'queue') return { url, mode, client: new OllamaGeneration(url) };
  if (!options.apiKey) {
    throw new Error(`${url} is a gateway and wants an API key: give --api-key, or set PADDOCK_API_KEY.`);
  }
  return { url, mode, client: new BackgroundGeneration(url, options.apiKey, options.deadlineSeconds) };
}

/** Ollama tells its version; Nginx before it names itself; the gateway has no such path. */
async function probeMode(url: string): Promise<Mode> {
  let response: Response;
  try {
    response = await fetch(new URL('/api/version', url), { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  } catch (error) {
    throw new Error(`Nothing answers at ${url}. Is it running, and reachable from here?`, { cause: error });
  }
  await response.body?.cancel();
  if (response.headers.get('server')?.startsWith('nginx')) return 'router';
  return response.ok ? 'direct' : 'queue';
}
