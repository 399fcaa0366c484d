import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { freePorts } from '../../../local/cluster/ports.ts';
import { findProgram } from '../../../local/router/binary.ts';
import type { PodMonitor, PrometheusRule } from '../../../workloads/monitoring/types.ts';
import { until } from '../../worker/harness.ts';

/** A pod that runs somewhere on loopback, and the template that it is made from. */
export interface ScrapedPod {
  ip: string;
  node: string;
  template: V1PodTemplateSpec;
}

interface Target {
  health: string;
  lastError: string;
  scrapeUrl: string;
  labels: Record<string, string>;
}

export interface Sample {
  metric: Record<string, string>;
  value: [at: number, value: string];
}

/**
 * A scrape configuration as the operator derives it from a PodMonitor: the job's name, the endpoints' path and the port
 * by its name in the pod, and the labels that service discovery finds, on which Prometheus itself runs the relabelings.
 * Only the interval is shorter.
 */
export function scrapeConfigs(monitor: PodMonitor, pods: ScrapedPod[]): object[] {
  const { name, namespace } = monitor.metadata ?? {};
  const { selector, podMetricsEndpoints } = monitor.spec;
  const selected = pods.filter(({ template }) =>
    Object.entries(selector.matchLabels).every(([key, value]) => template.metadata?.labels?.[key] === value),
  );
  return podMetricsEndpoints.map(({ port, path, relabelings }) => ({
    job_name: `${namespace}/${name}`,
    metrics_path: path,
    scrape_interval: '1s',
    scrape_timeout: '1s',
    static_configs: selected.map((pod) => ({
      targets: portsNamed(port, pod).map((number) => `${pod.ip}:${number}`),
      labels: discoveredLabels(pod),
    })),
    relabel_configs: relabelings.map(({ sourceLabels, targetLabel }) => ({
      source_labels: sourceLabels,
      target_label: targetLabel,
    })),
  }));
}

const portsNamed = (port: string, { template }: ScrapedPod): number[] =>
  (template.spec?.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ name, containerPort }) => (name === port ? [containerPort] : []));

function discoveredLabels({ template, node, ip }: ScrapedPod): Record<string, string> {
  const labels = Object.entries(template.metadata?.labels ?? {}).map(
    ([key, value]) =>
      [`__meta_kubernetes_pod_label_${key.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`, value] as const,
  );
  return { ...Object.fromEntries(labels), __meta_kubernetes_pod_node_name: node, pod: `pod-at-${ip}` };
}

/** Debian's Prometheus on loopback. */
export class TestPrometheus {
  readonly #dir = mkdtempSync(join(tmpdir(), 'paddock-prometheus-'));
  readonly #output: string[] = [];
  #process: ChildProcess | undefined;
  #url = '';

  async start(scrape: object[], rules: PrometheusRule): Promise<this> {
    // A port that is free now may be taken by the time that Prometheus asks for it.
    for (let tries = 1; !(await this.#starts(scrape, rules)); tries += 1)
      if (tries === 3) throw new Error(this.#output.join(''));
    return this;
  }

  /** False: it ended before it was ready. */
  async #starts(scrape: object[], { spec }: PrometheusRule): Promise<boolean> {
    const [port = 0] = await freePorts(1);
    this.#url = `http://127.0.0.1:${port}`;
    const config = join(this.#dir, 'prometheus.json');
    writeFileSync(join(this.#dir, 'rules.json'), JSON.stringify(spec));
    const global = { evaluation_interval: '1s' };
    writeFileSync(config, JSON.stringify({ global, rule_files: ['rules.json'], scrape_configs: scrape }));
    const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(this.#dir, 'data')}`];
    const program = spawn(
      findProgram('prometheus') as string,
      [...args, `--web.listen-address=127.0.0.1:${port}`],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#process = program;
    program.stderr.on('data', (chunk) => this.#output.push(String(chunk)));
    const isUp = async () => (await fetch(`${this.#url}/-/ready`).catch(() => undefined))?.ok ?? false;
    await until(async () => program.exitCode !== null || (await isUp()));
    return program.exitCode === null;
  }

  async stop(): Promise<void> {
    if (this.#process?.exitCode === null) {
      this.#process.kill('SIGTERM');
      await once(this.#process, 'exit');
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async targets(): Promise<Target[]> {
    const { activeTargets } = await this.#get<{ activeTargets: Target[] }>('targets');
    return activeTargets;
  }

  async query(expression: string): Promise<Sample[]> {
    return (await this.#get<{ result: Sample[] }>(`query?query=${encodeURIComponent(expression)}`)).result;
  }

  async rules(): Promise<{ name: string; health: string; lastError?: string }[]> {
    type Groups = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    return (await this.#get<Groups>('rules')).groups.flatMap(({ rules }) => rules);
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.#url}/api/v1/${path}`);
    const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }
}
