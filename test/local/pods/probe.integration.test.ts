import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from '@jest/globals';
import { Prober } from '../../../local/pods/probe.ts';
import { until } from '../../worker/harness.ts';

/** A worker's door: loading or warm, as it is told; whoever waits for warmth is answered when it is. */
let server: Server;
let state: 'loading' | 'warm';
let waiting: (() => void)[];
let prober: Prober;
let readiness: boolean[];

beforeEach(async () => {
  state = 'loading';
  waiting = [];
  readiness = [];
  server = createServer((request, response) => {
    const answer = () => response.writeHead(state === 'warm' ? 200 : 503).end(JSON.stringify({ state }));
    if (request.url?.startsWith('/warm') && state === 'loading') waiting.push(answer);
    else answer();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  prober = new Prober({
    ...{ host: '127.0.0.1', port, periodMs: 10, timeoutMs: 2000, failureThreshold: 2, deadAfterMs: 10_000 },
    onReadiness: (isReady) => void (readiness.at(-1) !== isReady && readiness.push(isReady)),
    onDead: () => {},
  });
  void prober.run();
});
afterEach(() => {
  prober.stop();
  server.closeAllConnections();
  server.close();
});

function turnWarm(): void {
  state = 'warm';
  for (const answer of waiting.splice(0)) answer();
}

describe('the readiness probe', () => {
  it('finds a worker ready the moment that it is', async () => {
    await until(() => waiting.length === 1);
    turnWarm();

    await until(() => readiness.at(-1) === true);
  });

  it('finds one unready that loads again, and ready once more', async () => {
    await until(() => waiting.length === 1);
    turnWarm();
    await until(() => readiness.at(-1) === true);
    state = 'loading';

    await until(() => readiness.at(-1) === false, 5);
    turnWarm();
    await until(() => readiness.at(-1) === true);
  });
});
