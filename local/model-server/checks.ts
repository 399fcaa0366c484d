import { INFERENCE_PATHS } from '../../core/protocol/api.ts';
import { isEmbeddingModel } from '../../infra/config/models.ts';
import { Refusal } from './http.ts';

/** What else is asked by POST. */
const POSTED: ReadonlySet<string> = new Set([
  ...INFERENCE_PATHS,
  ...['/api/show', '/api/pull', '/api/copy', '/api/create'],
]);
const EMBEDDING_PATHS: ReadonlySet<string> = new Set(['/api/embed', '/api/embeddings', '/v1/embeddings']);

/** @throws Refusal in plain text for a path that there is not, or not by this method, as Ollama's own web framework does. */
export function checkRoute(method: string, path: string): void {
  const isKnown = path === '/api/delete' ? method === 'DELETE' : POSTED.has(path) && method === 'POST';
  if (isKnown) return;
  if (POSTED.has(path) || path === '/api/delete') throw new Refusal(405, '405 method not allowed', 'plain');
  throw new Refusal(404, '404 page not found', 'plain');
}

/**
 * Some of what Ollama refuses of a request for a model that is there, with its own statuses and words (0.17.4): 500 for an option
 * of a wrong type or a format that is none, and for embeddings by its old path.
 *
 * @throws Refusal
 */
export function checkBody(path: string, body: Record<string, unknown>): void {
  const { prompt, messages, format } = body;
  if (path === '/api/generate' && prompt !== undefined && typeof prompt !== 'string')
    throw new Refusal(
      400,
      'json: cannot unmarshal into Go struct field GenerateRequest.prompt of type string',
    );
  if (path === '/v1/chat/completions' && !(Array.isArray(messages) && messages.length > 0))
    throw new Refusal(400, "[] is too short - 'messages'");
  const tokens = (body.options as { num_predict?: unknown } | undefined)?.num_predict;
  if (tokens !== undefined && typeof tokens !== 'number')
    throw new Refusal(500, 'option "num_predict" must be of type integer');
  if (typeof format === 'string' && format !== '' && format !== 'json')
    throw new Refusal(500, `invalid format: "${format}"; expected "json" or a valid JSON Schema object`);
}

/** @throws Refusal where a model that embeds is to generate, or the other way round */
export function checkAbility(path: string, model: string): void {
  const embeds = isEmbeddingModel(model);
  if (EMBEDDING_PATHS.has(path) && !embeds)
    throw new Refusal(path === '/api/embeddings' ? 500 : 501, 'this model does not support embeddings');
  if (INFERENCE_PATHS.has(path) && !EMBEDDING_PATHS.has(path) && embeds)
    throw new Refusal(400, `"${model}" does not support ${path === '/api/generate' ? 'generate' : 'chat'}`);
}

/** Whether nothing is to be written: the request loads the model, or unloads it with a `keep_alive` of 0. */
export function isForMemory(path: string, { prompt, messages }: Record<string, unknown>): boolean {
  if (path === '/api/generate') return prompt === undefined || prompt === '';
  return path === '/api/chat' && (!Array.isArray(messages) || messages.length === 0);
}
