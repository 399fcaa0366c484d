import { causes, systemCode } from './errors.ts';

/** One prompt, and what a client waits for. */
export interface GenerationRequest {
  model: string;
  prompt: string;
  /** Tokens to generate at most. */
  outputTokens: number;
  /** Seconds that one HTTP call may take. */
  timeoutSeconds: number;
  /** Ends the wait from outside. */
  signal: AbortSignal;
}

/** What a client saw, in seconds since it sent the request. */
export interface Generation {
  /** When the first piece of output could be read. */
  firstTokenSeconds: number;
  seconds: number;
  outputTokens: number;
}

/** Something that generates, seen as an application sees it: through a client library, over the wire. */
export interface GenerationClient {
  /** @throws GenerationError when there is no answer; its `reason` groups failures alike. */
  generate(request: GenerationRequest): Promise<Generation>;
}

/** A request without an answer. */
export class GenerationError extends Error {
  override readonly name = 'GenerationError';
  /** Few different texts, so that failures can be counted by it: `timed out`, `connection refused`, `HTTP 429: …`. */
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(`No answer: ${reason}.`, options);
    this.reason = reason;
  }
}

const CONNECTION_REASONS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection lost',
  UND_ERR_SOCKET: 'connection lost',
  ENOTFOUND: 'unknown host',
  EAI_AGAIN: 'unknown host',
};

const MESSAGE_LENGTH = 120;

/** Why a client library failed, as a reason to count by. */
export function failureReason(error: unknown): string {
  const status = statusOf(error);
  if (status !== undefined) return `HTTP ${status}: ${messageOf(error).slice(0, MESSAGE_LENGTH)}`;
  for (const { name } of causes(error)) {
    if (name === 'TimeoutError' || name === 'APIConnectionTimeoutError') return 'timed out';
  }
  return CONNECTION_REASONS[systemCode(error) ?? ''] ?? messageOf(error);
}

// The `openai` client puts the status before its messages.
const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.replace(/^\d{3} /, '') : String(error);

/** The HTTP status, as the `openai` client (`status`) or the `ollama` client (`status_code`) tells it. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { status, status_code } = error as { status?: unknown; status_code?: unknown };
  return [status, status_code].find((value): value is number => typeof value === 'number');
}
