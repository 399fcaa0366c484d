import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { alertRules } from '../../../workloads/monitoring/index.ts';
import { describeWithPrometheus } from './programs.ts';

const fleets = [{ name: 'cpu', policy: { targetWaitSeconds: 10, attainment: 0.98 } }];
const { groups } = alertRules(fleets, 'docs/operations.md').spec;
const dir = mkdtempSync(join(tmpdir(), 'paddock-alerts-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** promtool reads YAML, and JSON is YAML. */
function promtool(command: string, content: object): string {
  const file = join(dir, 'input.json');
  writeFileSync(file, JSON.stringify(content));
  writeFileSync(join(dir, 'rules.json'), JSON.stringify({ groups }));
  const { status, stdout, stderr } = spawnSync('promtool', [command, 'rules', file], {
    cwd: dir,
    encoding: 'utf8',
  });
  return status === 0 ? 'ok' : stdout + stderr;
}

interface Case {
  /** Series by minute in promtool's notation: `0+60x30` grows by 60 a minute, 30 times. */
  series: Record<string, string>;
  /** Minutes at which the alert is looked for. */
  quietAt: number;
  firesAt: number;
  labels: Record<string, string>;
}

const UP = { job: 'paddock/paddock-workers', fleet: 'cpu', pod: 'cpu-main-0' };
const series = (name: string, labels: Record<string, string>) =>
  `${name}{${Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(',')}}`;

const CASES: Record<string, Case> = {
  PaddockWorkerDown: {
    series: { [series('up', UP)]: '1x5 0x20' },
    ...{ quietAt: 8, firesAt: 12, labels: UP },
  },
  PaddockWaitsAboveTarget: {
    series: {
      // From the 20th minute on only half of the requests start within 10 s.
      [series('paddock_worker_queue_wait_seconds_bucket', { fleet: 'cpu', le: '10' })]: '0+60x20 1230+30x60',
      [series('paddock_worker_queue_wait_seconds_bucket', { fleet: 'cpu', le: '+Inf' })]: '0+60x80',
      [series('paddock_worker_queue_wait_seconds_count', { fleet: 'cpu' })]: '0+60x80',
    },
    ...{ quietAt: 19, firesAt: 60, labels: { fleet: 'cpu' } },
  },
  PaddockReplicasFull: {
    series: {
      [series('paddock_worker_slots', { fleet: 'cpu', pod: 'a' })]: '2x40',
      [series('paddock_worker_slots_busy', { fleet: 'cpu', pod: 'a', kind: 'queue' })]: '1x40',
      [series('paddock_worker_slots_busy', { fleet: 'cpu', pod: 'a', kind: 'interactive' })]: '0x10 1x30',
      [series('paddock_worker_requests_total', { fleet: 'cpu', kind: 'interactive', outcome: 'refused' })]:
        '0+5x40',
    },
    ...{ quietAt: 15, firesAt: 25, labels: { fleet: 'cpu' } },
  },
  PaddockRequestsFail: {
    series: {
      [series('paddock_worker_requests_total', { fleet: 'cpu', kind: 'queue', outcome: 'completed' })]:
        '0+60x60',
      // Requests that were wrong themselves are no trouble of the fleet.
      [series('paddock_worker_requests_total', { fleet: 'cpu', kind: 'interactive', outcome: 'invalid' })]:
        '0+600x60',
      [series('paddock_worker_hand_backs_total', { fleet: 'cpu', cause: 'draining' })]: '0+60x60',
      [series('paddock_worker_hand_backs_total', { fleet: 'cpu', cause: 'server' })]: '0x20 0+20x40',
    },
    ...{ quietAt: 20, firesAt: 50, labels: { fleet: 'cpu' } },
  },
  PaddockFirstTokenSlow: {
    series: {
      [series('paddock_worker_first_token_seconds_bucket', { fleet: 'cpu', le: '10' })]: '0+60x20 1200+0x60',
      [series('paddock_worker_first_token_seconds_bucket', { fleet: 'cpu', le: '30' })]: '0+60x80',
      [series('paddock_worker_first_token_seconds_bucket', { fleet: 'cpu', le: '+Inf' })]: '0+60x80',
    },
    ...{ quietAt: 20, firesAt: 60, labels: { fleet: 'cpu' } },
  },
  PaddockRouterDown: {
    series: { [series('nginx_up', { pod: 'router-a' })]: '1x5 0x20' },
    ...{ quietAt: 5, firesAt: 9, labels: { pod: 'router-a' } },
  },
};

describeWithPrometheus('the alerts, as promtool sees them', () => {
  it('are well-formed', () => {
    expect(promtool('check', { groups })).toBe('ok');
  });

  it('are all tried here', () => {
    expect(Object.keys(CASES).sort()).toEqual(
      groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)).sort(),
    );
  });

  it.each(Object.entries(CASES))('%s is quiet while all is well, and fires when it is not', (alert, one) => {
    const rule = groups.flatMap(({ rules }) => rules).find((candidate) => candidate.alert === alert);
    const firing = { exp_labels: { ...one.labels, severity: rule?.labels.severity } };
    const look = (minutes: number, expected: object[]) => ({
      ...{ eval_time: `${minutes}m`, alertname: alert, exp_alerts: expected },
    });
    const annotations = annotationsAt(alert, one);
    expect(
      promtool('test', {
        rule_files: ['rules.json'],
        tests: [
          {
            interval: '1m',
            input_series: Object.entries(one.series).map(([name, values]) => ({ series: name, values })),
            alert_rule_test: [
              look(one.quietAt, []),
              look(one.firesAt, [{ ...firing, exp_annotations: annotations }]),
            ],
          },
        ],
      }),
    ).toBe('ok');
  });
});

/** What the alert says then, its numbers filled in. */
function annotationsAt(alert: string, { labels }: Case): Record<string, string> {
  const summary: Record<string, string> = {
    PaddockWorkerDown: 'The metrics of the worker cpu-main-0 (cpu) can not be read.',
    PaddockWaitsAboveTarget: 'Of the queued requests of fleet cpu only 50% started within 10 s.',
    PaddockReplicasFull: 'Every slot of fleet cpu is busy, and interactive requests are refused.',
    PaddockRequestsFail: 'Of the attempts of fleet cpu 25% end without an answer.',
    PaddockFirstTokenSlow: 'A twentieth of the streams of fleet cpu wait 29s for their first token.',
    PaddockRouterDown: `The router ${labels.pod} does not answer.`,
  };
  return { summary: summary[alert] ?? '', runbook_url: `docs/operations.md#alert-${alert.toLowerCase()}` };
}
