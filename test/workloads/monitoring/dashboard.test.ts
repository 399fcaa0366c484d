import { WorkerMetrics } from '../../../worker/metrics.ts';
import { Slots } from '../../../worker/slots.ts';
import { WorkerState } from '../../../worker/state.ts';
import { grafanaDashboard, monitoringManifests } from '../../../workloads/monitoring/index.ts';
import type { PrometheusRule } from '../../../workloads/monitoring/types.ts';
import { expressionsOf, type GrafanaDashboard, metricsIn, ROUTER_METRICS } from './queries.ts';

const dashboard = JSON.parse(grafanaDashboard()) as GrafanaDashboard;
const fleets = [{ name: 'cpu', policy: { targetWaitSeconds: 10, attainment: 0.98 } }];
const manifests = monitoringManifests(fleets, 'docs/operations.md');

/** What the worker and the router's exporter offer, with the suffixes of histograms. */
async function offered(): Promise<Set<string>> {
  const { registry } = new WorkerMetrics({ slots: new Slots(1), state: new WorkerState() });
  const own = (await registry.getMetricsAsJSON()).flatMap(({ name, type }) =>
    String(type) === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
  );
  return new Set([...own, ...ROUTER_METRICS, 'up']);
}

describe("Grafana's dashboard", () => {
  it('names only metrics that the worker or the router offers, and every one of the worker', async () => {
    const named = new Set(expressionsOf(dashboard).flatMap(metricsIn));
    const known = await offered();
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
    const shown = (name: string) =>
      [...named].some((one) => one.startsWith(name.replace(/_(bucket|sum|count)$/, '')));
    expect([...known].filter((name) => name.startsWith('paddock_') && !shown(name))).toEqual([]);
  });

  it('is laid out on a page of 24 columns, each panel by itself', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Set<string>();
    for (const { gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken).not.toContain(`${x},${y}`);
          taken.add(`${x},${y}`);
        }
    }
  });

  it('asks the data source that a person chooses, with variables that it defines', () => {
    const variables = dashboard.templating.list.map(({ name }) => name);
    const used = [...grafanaDashboard().matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
    const builtIn = ['__rate_interval', '__all'];
    for (const name of used) expect([...variables, ...builtIn]).toContain(name);
    for (const { targets = [], datasource } of dashboard.panels)
      for (const one of [datasource, ...targets.map((target) => target.datasource)])
        if (one) expect(one.uid).toMatch(/^\$\{datasource\}$/);
  });

  it('reaches Grafana in a ConfigMap of its namespace, with the label that its sidecar looks for', () => {
    const config = manifests.find(({ kind }) => kind === 'ConfigMap');
    expect(config).toMatchObject({
      metadata: { namespace: 'monitoring', labels: { grafana_dashboard: '1' } },
      data: { 'paddock.json': grafanaDashboard() },
    });
  });
});

describe('the alerts', () => {
  const rule = manifests.find(({ kind }) => kind === 'PrometheusRule') as PrometheusRule;

  it('name only metrics that are offered', async () => {
    const known = await offered();
    const named = rule.spec.groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => metricsIn(expr)));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(8);
  });

  it.each([
    ['at a bound', 10, '10(\\\\.0)?'],
    ['at the next bound when it has none of its own', 12, '20(\\\\.0)?'],
    ['at a fraction', 2.2, '2\\\\.5'],
  ])('measure waits %s', (_name, targetWaitSeconds, le) => {
    const [one] = monitoringManifests(
      [{ name: 'f', policy: { targetWaitSeconds, attainment: 0.9 } }],
      'r',
    ).filter(({ kind }) => kind === 'PrometheusRule') as PrometheusRule[];
    const waits = one?.spec.groups[0]?.rules.find(({ alert }) => alert === 'PaddockWaitsAboveTarget');
    expect(waits?.expr).toContain(`le=~"${le}"`);
    expect(waits?.expr).toMatch(/< 0\.9$/);
  });

  it('have none for a target that no bound of the histogram reaches', () => {
    const far = [{ name: 'f', policy: { targetWaitSeconds: 3600, attainment: 0.9 } }];
    expect(JSON.stringify(monitoringManifests(far, 'r'))).not.toContain('PaddockWaitsAboveTarget');
  });
});
