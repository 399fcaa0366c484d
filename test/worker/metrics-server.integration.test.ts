import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WorkerMetrics } from '../../worker/metrics.ts';
import { createMetricsServer } from '../../worker/metrics-server.ts';
import { Slots } from '../../worker/slots.ts';
import { WorkerState } from '../../worker/state.ts';

let server: Server;
let url: string;

beforeEach(async () => {
  const { registry } = new WorkerMetrics({ slots: new Slots(3), state: new WorkerState() });
  server = createMetricsServer(registry).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

describe("the metrics' own port", () => {
  it('serves what Prometheus reads', async () => {
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toContain('paddock_worker_slots 3');
  });

  it.each([
    ['POST', '/metrics'],
    ['GET', '/'],
    ['GET', '/metrics/x'],
  ])('serves no %s %s', async (method, path) => {
    expect((await fetch(url + path, { method })).status).toBe(404);
  });
});
