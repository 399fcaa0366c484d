import type { IncomingMessage, ServerResponse } from 'node:http';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** An answer that is an error. */
export class Refusal extends Error {
  readonly status: number;
  readonly isPlain: boolean;
  /** @param form `plain`: text, not the JSON that Ollama's own errors are */
  constructor(status: number, message: string, form: 'json' | 'plain' = 'json') {
    super(message);
    this.status = status;
    this.isPlain = form === 'plain';
  }
}

/** In the shape of the API that the path belongs to. */
export function sendError(response: ServerResponse, path: string, error: unknown): void {
  const status = error instanceof Refusal ? error.status : 500;
  const message = (error as Error).message;
  if (error instanceof Refusal && error.isPlain) return void send(response, status, message);
  const type = status === 400 ? 'invalid_request_error' : 'api_error';
  const body = path.startsWith('/v1/') ? { message, type, param: null, code: null } : message;
  send(response, status, { error: body });
}

export function abortWhenClosed(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('the client went away'));
  });
  return controller.signal;
}

export function send(response: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': isText ? 'text/plain' : 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
    })
    .end(text);
}

export async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, 'http: request body too large');
    chunks.push(chunk as Buffer);
  }
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // Answered below, like any other body that is no object.
  }
  throw new Refusal(400, 'invalid request body: expected a JSON object');
}
