import { type OutputSoFar, streamedPath } from '../adapters/ollama/assembly.ts';
import type { ModelServer, ServerAnswer, ServerRequest } from '../adapters/ollama/server.ts';
import { errorText } from '../adapters/ollama/server.ts';
import { type QueuedRequest, REQUEST_ID_HEADER, type RequestResult } from '../core/protocol/request.ts';
import { prepareBody } from './inference.ts';
import { deadline } from './time.ts';

/** What came of one attempt at a request. */
export type Answer =
  | { kind: 'result'; result: RequestResult }
  /** Another attempt may succeed; the model server itself may be ill. */
  | {
      kind: 'retry';
      reason: string;
      /** Whether the request itself may be the cause: of those attempts there are only so many. */
      counts: boolean;
    }
  /** This worker stops; the request is as good as before. */
  | { kind: 'cut-off' };

export interface AnswerOptions {
  server: ModelServer;
  models: readonly string[];
  /** See `prepareBody`. */
  behind?: ReadonlyMap<string, string>;
  replica: string;
  timeoutSeconds: number;
  now: () => number;
  /** Told of the model of each request that is given to the model server. */
  onUse: (model: string) => void;
}

/** Statuses below 500 that do not judge the request itself. */
const TRANSIENT = new Set([408, 425, 429, 499]);

/**
 * Errors of the request itself that Ollama answers with 500: an option of a wrong type (`api/types.go`), a format that is none
 * (`llm/server.go`), embeddings of a model that has none (`runner/ollamarunner`). They would fail each time.
 */
const OWN_FAULT = /^option ".*" must be|^invalid format: |does not support embeddings$/;

/**
 * One attempt. Never throws.
 * @param onPiece is told what there is so far of an answer that can be streamed; without it nothing is streamed
 */
export async function answer(
  request: QueuedRequest,
  cutOff: AbortSignal,
  options: AnswerOptions,
  onPiece?: (soFar: OutputSoFar) => void,
): Promise<Answer> {
  const startedAt = options.now();
  const failed = (code: string, message: string): Answer => ({
    kind: 'result',
    result: { ...envelope(request, startedAt, options), status: 'failed', error: { code, message } },
  });
  const prepared = prepareBody(request.body, options.models, options.behind);
  if (!prepared.ok) return failed(prepared.code, prepared.message);

  options.onUse(String(prepared.body.model));
  const limit = deadline(options.timeoutSeconds * 1000, cutOff);
  let reply: ServerAnswer;
  try {
    reply = await ask(request, prepared.body, limit.signal, options.server, onPiece);
  } catch (error) {
    if (cutOff.aborted) return { kind: 'cut-off' };
    const reason = limit.isOver ? `no answer within ${options.timeoutSeconds} s` : (error as Error).message;
    // A server that is not there did not even see the request.
    return { kind: 'retry', reason, counts: (error as { code?: unknown }).code !== 'ECONNREFUSED' };
  } finally {
    limit.clear();
  }
  return judge(reply, failed, () => ({
    kind: 'result',
    result: { ...envelope(request, startedAt, options), status: 'completed', response: reply.body },
  }));
}

async function ask(
  { id, path }: QueuedRequest,
  body: Record<string, unknown>,
  signal: AbortSignal,
  server: ModelServer,
  onPiece: ((soFar: OutputSoFar) => void) | undefined,
): Promise<ServerAnswer> {
  const streamed = onPiece && streamedPath(path);
  const request: ServerRequest = {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', [REQUEST_ID_HEADER]: id },
    body: JSON.stringify({ ...body, ...(streamed ? streamed.parameters : { stream: false }) }),
    signal,
  };
  if (!streamed) return await server.ask(request);
  const assembly = streamed.create();
  return await server.follow(request, { assembly, onPiece: () => onPiece(assembly.soFar) });
}

function judge(
  { status, body }: ServerAnswer,
  failed: (code: string, message: string) => Answer,
  completed: () => Answer,
): Answer {
  const message = errorText(body);
  if (status >= 200 && status < 300) {
    if (typeof body === 'object' && body !== null) return completed();
    return { kind: 'retry', reason: 'the answer is not JSON', counts: true };
  }
  // The fleet's own models were on the disk when this worker became warm: one that is gone now will come back.
  const modelGone = status === 404 && /model\b.*\bnot found/.test(message);
  const ownFault = status === 501 || (status === 500 && OWN_FAULT.test(message));
  if ((status >= 500 && !ownFault) || TRANSIENT.has(status) || modelGone) {
    // 503: the server is busy or loads.
    const counts = status >= 500 && status !== 503;
    return { kind: 'retry', reason: `HTTP ${status}: ${message}`, counts };
  }
  return failed(`http_${status}`, message);
}

function envelope(request: QueuedRequest, startedAt: number, { replica, now }: AnswerOptions) {
  return {
    v: 1 as const,
    id: request.id,
    replica,
    submittedAt: request.submittedAt,
    startedAt,
    finishedAt: now(),
  };
}
