import { FLEET, MODEL } from './config.ts';
import type { TestSystem } from './fixture.ts';

/** People who go on asking while something is upgraded: by the queue, and straight through the router. */
export class SteadyLoad {
  readonly queued: string[] = [];
  readonly #t: TestSystem;
  readonly #timer: NodeJS.Timeout;
  readonly #asked: Promise<number | string>[] = [];

  readonly #patienceSeconds: number;

  /** @param patienceSeconds for which an interactive client comes again when it is told to */
  constructor(t: TestSystem, { everyMs = 1000, patienceSeconds = 60 } = {}) {
    this.#t = t;
    this.#patienceSeconds = patienceSeconds;
    this.#timer = setInterval(() => void this.#one(), everyMs);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** Of all that were asked until its end: those that got none. */
  async answers(): Promise<{ interactive: number; bad: (number | string)[] }> {
    const answers = await Promise.all(this.#asked);
    return { interactive: answers.length, bad: answers.filter((answer) => answer !== 200) };
  }

  async #one(): Promise<void> {
    const [id] = await this.#t.submit(1);
    if (id) this.queued.push(id);
    const [router] = this.#t.system.router.urls;
    if (router) this.#asked.push(ask(router, this.#patienceSeconds));
  }
}

/** A client as `openai` and `ollama` are: told to come again, it does. */
async function ask(router: string, patienceSeconds: number): Promise<number | string> {
  const until = Date.now() + patienceSeconds * 1000;
  const body = JSON.stringify({ model: MODEL, prompt: 'Why?', stream: false, options: { num_predict: 8 } });
  for (;;) {
    try {
      const response = await fetch(`${router}/fleets/${FLEET}/api/generate`, {
        method: 'POST',
        // A connection for each: Nginx closes idle ones when it is reloaded, and a request may just be on its way there.
        headers: { 'content-type': 'application/json', connection: 'close' },
        body,
      });
      await response.text();
      if (response.status !== 503 && response.status !== 429) return response.status;
      if (Date.now() > until) return `${response.status} for ${patienceSeconds} s`;
      await new Promise((resolve) => setTimeout(resolve, 500));
    } catch (error) {
      const { message, cause } = error as Error;
      return `no answer: ${message} (${cause})`;
    }
  }
}
