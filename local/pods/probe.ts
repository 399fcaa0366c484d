import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { V1Container } from '@kubernetes/client-node';

export interface ProbeOptions {
  host: string;
  port: number;
  /** Milliseconds between two readiness probes. */
  periodMs: number;
  timeoutMs: number;
  /** Failures in a row that make it unready. */
  failureThreshold: number;
  /** Silent for this long, the container is started anew; milliseconds. */
  deadAfterMs: number;
  onReadiness: (isReady: boolean) => void;
  onDead: () => void;
}

/** The worker answers `/warm` when it is warm: waiting there turns the probe's success into an event. */
const HINT_SECONDS = 60;
const STARTING_MS = 100;

interface Answer {
  status: number;
  state: string;
}

/** What the pod's probes come to, in milliseconds and counts. */
export function probeSettings(container: V1Container): Omit<ProbeOptions, 'host' | 'onReadiness' | 'onDead'> {
  const { readinessProbe, livenessProbe, ports } = container;
  return {
    port: ports?.[0]?.containerPort ?? 8080,
    periodMs: (readinessProbe?.periodSeconds ?? 10) * 1000,
    timeoutMs: (readinessProbe?.timeoutSeconds ?? 1) * 1000,
    failureThreshold: readinessProbe?.failureThreshold ?? 3,
    deadAfterMs: (livenessProbe?.periodSeconds ?? 10) * (livenessProbe?.failureThreshold ?? 3) * 1000,
  };
}

/** Probes one run of the worker's container until it is stopped. */
export class Prober {
  readonly #options: ProbeOptions;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  readonly #stop = new AbortController();

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stop.abort();
    this.#agent.destroy();
  }

  async run(): Promise<void> {
    const { periodMs, timeoutMs, failureThreshold, deadAfterMs, onReadiness, onDead } = this.#options;
    let failures = 0;
    let isReady = false;
    const tell = (now: boolean): void => {
      isReady = now;
      onReadiness(now);
    };
    let heardOnce = false;
    let heardAt = Date.now();
    while (!this.#stop.signal.aborted) {
      const answer = await this.#ask('GET', '/readyz', timeoutMs);
      if (this.#stop.signal.aborted) return;
      if (answer) {
        heardOnce = true;
        heardAt = Date.now();
      } else if (Date.now() - heardAt > deadAfterMs) return onDead();
      failures = answer?.status === 200 ? 0 : failures + 1;
      if (failures === 0) tell(true);
      else if (failures >= failureThreshold) tell(false);
      // One that was ready has to be found unready first: no waiting before the threshold.
      if (answer?.state === 'loading' && !isReady)
        await this.#ask('GET', `/warm?wait=${HINT_SECONDS}`, HINT_SECONDS * 2000);
      else await this.#pause(heardOnce ? periodMs : STARTING_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }

  /** Undefined when there was no answer in time. */
  #ask(method: string, path: string, timeoutMs: number): Promise<Answer | undefined> {
    const { host, port } = this.#options;
    return new Promise((resolve) => {
      const request = http.request({ host, port, method, path, agent: this.#agent, timeout: timeoutMs });
      const fail = () => {
        request.destroy();
        resolve(undefined);
      };
      request.on('timeout', fail).on('error', fail);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, state: stateIn(Buffer.concat(chunks).toString()) }),
        );
      });
      request.end();
    });
  }
}

function stateIn(body: string): string {
  try {
    return String((JSON.parse(body) as { state?: unknown }).state);
  } catch {
    return '';
  }
}
