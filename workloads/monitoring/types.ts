import type { KubernetesObject } from '@kubernetes/client-node';

/** What we use of the Prometheus operator's objects; its client types are not worth a dependency. */

export interface Relabeling {
  readonly sourceLabels: readonly string[];
  readonly targetLabel: string;
}

export interface PodMonitor extends KubernetesObject {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints: readonly {
      /** Name of a container's port. */
      readonly port: string;
      readonly path: string;
      readonly interval: string;
      readonly scrapeTimeout: string;
      readonly relabelings: readonly Relabeling[];
    }[];
  };
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PrometheusRule extends KubernetesObject {
  readonly spec: {
    readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
  };
}
