import { canonicalModel } from '../core/protocol/model-names.ts';
import { endlessParameter } from '../core/protocol/output-limit.ts';

/**
 * Options of the runner itself. Ollama compares them with those of the loaded model and reloads it when any
 * differs, smaller or larger: none of them may come from a request.
 */
const RUNNER_OPTIONS = ['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'use_mmap', 'use_mlock', 'num_thread'];

export type Prepared = { ok: true; body: Record<string, unknown> } | ({ ok: false } & Refusal);

export interface Refusal {
  status: number;
  code: string;
  message: string;
}

/**
 * The body as it may reach the model server: nothing in it unloads or reloads a model, and it names one of the
 * fleet's, which may be a name that another model answers to by now. (A name outside the fleet would push a model out of memory, or leave the cluster: `…-cloud`.)
 */
export function prepareBody(
  body: unknown,
  models: readonly string[],
  behind: ReadonlyMap<string, string> = new Map(),
): Prepared {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { ok: false, status: 400, code: 'invalid_request', message: 'the body must be a JSON object' };
  }
  const { keep_alive: _keepAlive, runner: _runner, options, ...rest } = body as Record<string, unknown>;
  // OpenAI's newer name, which Ollama does not know.
  if (rest.max_completion_tokens !== undefined) rest.max_tokens ??= rest.max_completion_tokens;
  if (typeof rest.model !== 'string' || rest.model === '') {
    return { ok: false, status: 400, code: 'invalid_request', message: 'model is required' };
  }
  const wanted = canonicalModel(rest.model);
  if (!models.some((model) => canonicalModel(model) === wanted)) {
    const message = `model '${rest.model}' not found, this fleet serves: ${models.join(', ')}`;
    return { ok: false, status: 404, code: 'model_not_found', message };
  }
  const endless = endlessParameter(body as Record<string, unknown>);
  if (endless !== undefined) {
    const message = `${endless} must be at least 1: to the model server 0 is no limit at all, and the answer may never end`;
    return { ok: false, status: 400, code: 'invalid_request', message };
  }
  const actual = behind.get(wanted);
  if (actual !== undefined && canonicalModel(actual) !== wanted) rest.model = actual;
  if (typeof options !== 'object' || options === null) {
    return { ok: true, body: options === undefined ? rest : { ...rest, options } };
  }
  const kept = Object.entries(options).filter(([name]) => !RUNNER_OPTIONS.includes(name));
  return { ok: true, body: { ...rest, options: Object.fromEntries(kept) } };
}
