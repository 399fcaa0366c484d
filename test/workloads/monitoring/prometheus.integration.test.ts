import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { V1Deployment } from '@kubernetes/client-node';
import { findProgram } from '../../../local/router/binary.ts';
import config from '../../../paddock.config.ts';
import {
  alertRules,
  grafanaDashboard,
  routerMonitor,
  workerMonitor,
} from '../../../workloads/monitoring/index.ts';
import { routerManifests } from '../../../workloads/router/index.ts';
import { until, WorkerBench } from '../../worker/harness.ts';
import { elastic, find, network } from '../fixtures.ts';
import { TestRouter } from '../router/harness.ts';
import { describeWithPrometheus } from './programs.ts';
import { type ScrapedPod, scrapeConfigs, TestPrometheus } from './prometheus.ts';
import { expressionsOf, ROUTER_METRICS } from './queries.ts';

/** Where the exporter beside the router listens, on the port of its manifest. */
const ROUTER_IP = '127.30.9.1';

const routerTemplate = () => {
  const manifests = routerManifests({
    webui: true,
    ...{ fleets: config.fleets, router: config.router, images: config.images },
    network,
  });
  const template = find<V1Deployment>(manifests, 'Deployment', 'router').spec?.template;
  if (!template) throw new Error('the router has no pods');
  return template;
};

/** The exporter as the manifest starts it, at the addresses of this test. */
function startExporter(nginxStatus: string): ChildProcess {
  const container = routerTemplate().spec?.containers.find(({ ports = [] }) =>
    ports.some(({ name }) => name === 'metrics'),
  );
  const args = (container?.args ?? []).map((argument) =>
    argument
      .replace(/(scrape-uri=http:\/\/)[^/]+/, `$1${nginxStatus}`)
      .replace(/(listen-address=):/, `$1${ROUTER_IP}:`),
  );
  return spawn(findProgram('prometheus-nginx-exporter') as string, args, { stdio: 'ignore' });
}

describeWithPrometheus('a real Prometheus, with what the PodMonitors say', () => {
  let bench: WorkerBench;
  let prometheus: TestPrometheus;
  const load = new AbortController();
  let router: TestRouter;
  let exporter: ChildProcess;
  let loaded: Promise<void>;

  beforeAll(async () => {
    bench = new WorkerBench();
    prometheus = new TestPrometheus();
    await bench.start();
    const workers = await Promise.all(
      ['cpu-spot-a', 'cpu-spot-b'].map((name) => bench.startWorker(name, {}, { slots: 2, decodeRate: 200 })),
    );
    const addresses = workers.map(({ url }) => new URL(url).host);
    router = await new TestRouter({ cpu: addresses }, { settings: { requestsPerSecond: 1000 } }).start();
    exporter = startExporter(`127.0.0.1:${router.ports.internal}`);
    const template = elastic().spec?.template;
    const pods: ScrapedPod[] = [
      ...addresses.map((address, index) => ({
        ...{ ip: address.split(':')[0] ?? '', node: `node-${index}`, template: template ?? {} },
      })),
      { ip: ROUTER_IP, node: 'system-0', template: routerTemplate() },
    ];
    const scrape = [workerMonitor(), routerMonitor()].flatMap((monitor) => scrapeConfigs(monitor, pods));
    await prometheus.start(scrape, alertRules(config.fleets, 'docs/operations.md'));
    for (const { url } of workers)
      await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ?? false);
    loaded = play(bench, router, load.signal);
  });

  afterAll(async () => {
    load.abort();
    await loaded;
    await prometheus.stop();
    if (exporter?.exitCode === null) {
      exporter.kill('SIGTERM');
      await once(exporter, 'exit');
    }
    await router?.stop();
    await bench.stop();
  });

  it('finds every target up, on the port and path that they say', async () => {
    await until(async () => {
      const targets = await prometheus.targets();
      return targets.length === 3 && targets.every(({ health }) => health === 'up');
    });
    const targets = await prometheus.targets();
    expect(targets.map(({ scrapeUrl }) => scrapeUrl).sort()).toEqual([
      'http://127.30.0.1:9090/metrics',
      'http://127.30.0.2:9090/metrics',
      'http://127.30.9.1:9113/metrics',
    ]);
    expect(targets.find(({ scrapeUrl }) => scrapeUrl.includes('127.30.0.1'))?.labels).toMatchObject({
      ...{ job: 'paddock/paddock-workers', fleet: 'cpu', pool: 'spot', node: 'node-0' },
    });
  });

  it.each(expressionsOf(JSON.parse(grafanaDashboard())))(
    'the dashboard gets data for %s',
    async (expression) => {
      const query = expression.replaceAll('$fleet', 'cpu').replaceAll('$__rate_interval', '10s');
      const values = async () =>
        (await prometheus.query(query)).map(({ value: [, text] }) => Number(text)).filter(Number.isFinite);
      await until(async () => (await values()).length > 0);
    },
  );

  it('what the exporter offers is what we know of it', async () => {
    for (const name of ROUTER_METRICS) await until(async () => (await prometheus.query(name)).length > 0);
  });

  it('counts what went through: both ways in, streams, and what was no request', async () => {
    const value = async (query: string) => Number((await prometheus.query(query))[0]?.value[1] ?? 0);
    const ended = (kind: string) => `sum(paddock_worker_requests_total{kind="${kind}",outcome="completed"})`;
    await until(async () => (await value(ended('queue'))) > 2 && (await value(ended('interactive'))) > 2);
    await until(async () => (await value('sum(paddock_worker_first_token_seconds_count)')) > 2);
    await until(async () => (await value('sum(paddock_worker_hand_backs_total{cause="unreadable"})')) > 0);
    await until(async () => (await value('sum(nginx_http_requests_total)')) > 2);
    // All at once: a scrape that comes to nothing takes a worker out until the next.
    await until(async () => (await value('sum(paddock_worker_slots)')) === 4);
  });

  it('evaluates every alert without an error', async () => {
    await until(async () => {
      const rules = await prometheus.rules();
      return rules.length > 0 && rules.every(({ health }) => health !== 'unknown');
    });
    const broken = (await prometheus.rules()).filter(({ health }) => health !== 'ok');
    expect(broken).toEqual([]);
  });
});

/** Requests of every kind, until told to stop. */
async function play(bench: WorkerBench, router: TestRouter, stop: AbortSignal): Promise<void> {
  await bench.queue.send('no request' as never);
  for (let round = 0; !stop.aborted; round += 1) {
    const ask = { model: 'tiny', prompt: 'Why?', options: { num_predict: 20 } };
    const stream = { body: JSON.stringify({ ...ask, stream: true }) };
    await bench.submit(`load-${round}`);
    await router.ask('/fleets/cpu/api/generate', stream).catch(() => undefined);
  }
}
