import { UnavailableError } from '../../adapters/errors.ts';

/** Base of the fakes: records every call, and fails on demand. */
export class Recorder {
  readonly calls: { method: string; args: unknown[] }[] = [];
  readonly #failing = new Map<string, { error: Error; times: number }>();

  /** Makes a method fail, `times` times (default: until `heal`). */
  fail(method: string, error?: Error, times = Number.POSITIVE_INFINITY): void {
    this.#failing.set(method, {
      error: error ?? new UnavailableError(`${method}: ECONNREFUSED: connection refused`, 'ECONNREFUSED'),
      times,
    });
  }

  heal(method?: string): void {
    if (method) this.#failing.delete(method);
    else this.#failing.clear();
  }

  callsOf(method: string): unknown[][] {
    return this.calls.filter((call) => call.method === method).map((call) => call.args);
  }

  protected enter(method: string, ...args: unknown[]): void {
    this.calls.push({ method, args });
    const failing = this.#failing.get(method) ?? this.#failing.get('*');
    if (!failing || failing.times <= 0) return;
    failing.times -= 1;
    throw failing.error;
  }
}
