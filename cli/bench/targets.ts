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

/** @throws an Error that says what to do: not a URL, nobody answers, it is none of the three, the gateway needs a key. */
export async function openTarget(given: string, options: TargetOptions): Promise<Target> {
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol)) {
    throw new Error(`"${given}" is no URL. Give one such as http://127.0.0.1:11434.`);
  }
  // OpenAI's clients take the address with `/v1`; ours add their own paths.
  const url = given.replace(/(\/v1)?\/*$/, '');
  const mode = options.mode ?? (await probeMode(url));
  if (mode !== 'queue') return { url, mode, client: new OllamaGeneration(url) };
  if (!options.apiKey) {
    throw new Error(
      `${url} is a gateway and wants an API key: give --api-key, or set PADDOCK_API_KEY. 'npm run paddock -- keys create NAME' makes one.`,
    );
  }
  return { url, mode, client: new BackgroundGeneration(url, options.apiKey, options.deadlineSeconds) };
}

/** Nginx names itself; Ollama tells its version; the gateway has no such path, and asks for a key before it says so. */
async function probeMode(url: string): Promise<Mode> {
  let response: Response;
  try {
    response = await fetch(`${url}/api/version`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
  } catch (error) {
    throw new Error(`Nothing answers at ${url}. Is it running, and reachable from here?`, { cause: error });
  }
  await response.body?.cancel();
  if (response.headers.get('server')?.startsWith('nginx')) return 'router';
  if (response.ok) return 'direct';
  if (response.status === 401) return 'queue';
  throw new Error(
    `${url} answers GET /api/version with HTTP ${response.status}, as no model server, router or gateway does. Check the URL, or state what it is with --mode.`,
  );
}
