import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  status: number;
  body: string;
  headers?: Record<string, string>;
}

/** Answers SDK calls by the action they name: in the query body, the JSON target header, or the REST path. */
export class StubAws {
  readonly calls: { action: string; body: string; url: string; key: string }[] = [];
  /** An action without an answer gets an empty 200; `hang` leaves the caller waiting. */
  answers: Record<string, Answer | 'hang'> = {};
  /** Actions whose caller hung up before it was answered. */
  readonly hungUp: string[] = [];
  onCall: () => void = () => undefined;
  readonly #server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const action = actionOf(request, body);
      const key = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      this.calls.push({ action, body, url: request.url ?? '', key });
      const answer = this.answers[action] ?? { status: 200, body: body.includes('Action=') ? '' : '{}' };
      if (answer === 'hang') response.on('close', () => this.hungUp.push(action));
      else response.writeHead(answer.status, answer.headers).end(answer.body);
      this.onCall();
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when the next call has arrived. */
  nextCall(): Promise<void> {
    return new Promise((resolve) => {
      this.onCall = resolve;
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function actionOf({ headers, url = '' }: IncomingMessage, body: string): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1) ?? '?';
  if (url.includes('/functions/')) return 'Invoke';
  if (url.endsWith('/update-config')) return 'UpdateNodegroupConfig';
  return /Action=(\w+)/.exec(body)?.[1] ?? '?';
}
