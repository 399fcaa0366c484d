import type { RequestResult } from '../protocol/request.ts';
import type { RequestStatus } from '../protocol/status.ts';
import { textOf, usageOf } from './answers.ts';

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'failed' | 'cancelled' | 'incomplete';

/** A Response object of OpenAI's API. */
export type ResponseObject = Record<string, unknown> & {
  id: string;
  object: 'response';
  status: ResponseStatus;
};

const seconds = (ms: number): number => Math.floor(ms / 1000);

/** What a response object holds before there is an answer. */
function base(status: RequestStatus): Record<string, unknown> & { id: string; object: 'response' } {
  return {
    id: status.id,
    object: 'response',
    created_at: seconds(status.submittedAt),
    background: true,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    metadata: {},
    model: status.model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: null,
    service_tier: 'default',
    store: true,
    temperature: null,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: null,
    truncation: 'disabled',
    usage: null,
    ...status.echo,
  };
}

/** Members of a request that its response object repeats. */
const ECHOED = [
  'instructions',
  'max_output_tokens',
  'metadata',
  'reasoning',
  'temperature',
  'text',
  'tools',
  'top_p',
  'truncation',
  'user',
  'safety_identifier',
  'prompt_cache_key',
];

export const echoOf = (body: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    ECHOED.filter((name) => (body[name] ?? null) !== null).map((name) => [name, body[name]]),
  );

/**
 * The response object that shows a request as it is. The answer of another endpoint than `/v1/responses` is
 * under `paddock.body` as the model server gave it, and its text, if it has one, in `output` as well.
 *
 * @param result undefined while there is none
 */
export function responseObject(status: RequestStatus, result: RequestResult | undefined): ResponseObject {
  const common = base(status);
  const paddock = { endpoint: status.path, attempts_failed: status.failures };
  if (!result) return { ...common, status: status.status, output: soFar(status), paddock };
  const ended = { ...common, completed_at: null, paddock };
  switch (result.status) {
    case 'completed':
      return status.path === '/v1/responses'
        ? { ...fromResponses(common, result), paddock }
        : { ...fromOther(common, status, result), paddock: { ...paddock, body: result.response } };
    case 'failed':
      return { ...ended, status: 'failed', error: errorOf(result) };
    default:
      return { ...ended, status: 'cancelled' };
  }
}

/** The items of an answer that is being written, as OpenAI's stream begins them: `in_progress`. */
function soFar({ id, status, partial }: RequestStatus): object[] {
  if (status !== 'in_progress' || !partial) return [];
  const { text, reasoning } = partial;
  const summary = [{ type: 'summary_text', text: reasoning }];
  return [
    ...(reasoning === '' ? [] : [{ id: `rs_${id}`, type: 'reasoning', status: 'in_progress', summary }]),
    ...(text === '' ? [] : [message(id, text, 'in_progress')]),
  ];
}

const message = (id: string, text: string, status: 'in_progress' | 'completed'): object => ({
  ...{ id: `msg_${id}`, type: 'message', role: 'assistant', status },
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
});

/** Ollama's own response object, under our id and with what it does not keep. */
function fromResponses(
  common: ReturnType<typeof base>,
  { response, finishedAt }: RequestResult,
): ResponseObject {
  const answer = response as Record<string, unknown>;
  const status = answer.status === 'incomplete' ? 'incomplete' : 'completed';
  return {
    ...common,
    ...answer,
    id: common.id,
    object: 'response',
    status,
    created_at: common.created_at,
    completed_at: seconds(finishedAt),
    background: true,
    store: true,
    metadata: common.metadata,
  };
}

function fromOther(
  common: ReturnType<typeof base>,
  { id, path }: RequestStatus,
  { response, finishedAt }: RequestResult,
): ResponseObject {
  const text = textOf(path, response);
  return {
    ...common,
    status: 'completed',
    completed_at: seconds(finishedAt),
    output: text === undefined ? [] : [message(id, text, 'completed')],
    usage: usageOf(path, response),
  };
}

/**
 * OpenAI's codes are a closed list; ours is told in the message. `http_…`: the model server refused the request itself, for which it
 * has 500 and 501 too; its own failures are tried again, and never end a request in this way.
 */
function errorOf({ error }: RequestResult): { code: string; message: string } {
  const { code = 'unknown', message = 'no reason was given' } = error ?? {};
  const isClients = code === 'invalid_request' || code === 'model_not_found' || /^http_\d{3}$/.test(code);
  return { code: isClients ? 'invalid_prompt' : 'server_error', message: `${message} (${code})` };
}
