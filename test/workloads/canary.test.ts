import type {
  V1Deployment,
  V1NetworkPolicy,
  V1PodDisruptionBudget,
  V1Service,
} from '@kubernetes/client-node';
import { containerOf, cpu, envOf, find, podOf, shared } from './fixtures.ts';

const canaryOf = (pool: string) => find<V1Deployment>(cpu, 'Deployment', `cpu-${pool}-canary`);
const matches = (selector: Record<string, string> | undefined, labels: Record<string, string>): boolean =>
  Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);

describe('a canary', () => {
  const labels = canaryOf('spot').spec?.template.metadata?.labels ?? {};

  it('rests until an upgrade gives it a replica', () => {
    expect(canaryOf('spot').spec?.replicas).toBe(0);
  });

  it('gets no request of a client: no Service selects it, and nothing but functions reaches it', () => {
    const services = [...cpu, ...shared].filter(({ kind }) => kind === 'Service') as V1Service[];
    expect(services.length).toBeGreaterThan(0);
    for (const { spec } of services) expect(matches(spec?.selector, labels)).toBe(false);
    const policies = shared.filter(({ kind }) => kind === 'NetworkPolicy') as V1NetworkPolicy[];
    const ingress = policies
      .filter(({ spec }) => matches(spec?.podSelector?.matchLabels, labels))
      .flatMap(({ spec }) => spec?.ingress ?? []) as { from?: { ipBlock?: object }[] }[];
    expect(ingress).toHaveLength(1);
    expect(ingress[0]?.from?.every(({ ipBlock }) => ipBlock)).toBe(true);
  });

  it('takes nothing from the queue, and is not counted as one of its pool', () => {
    expect(envOf(podOf(canaryOf('spot')), 'worker').PADDOCK_CANARY).toBe('true');
    expect(labels['paddock.dev/pool']).toBeUndefined();
    const budgets = cpu.filter(({ kind }) => kind === 'PodDisruptionBudget') as V1PodDisruptionBudget[];
    for (const { spec } of budgets) expect(matches(spec?.selector?.matchLabels, labels)).toBe(false);
  });

  it('is else as the pods of its pool, on a node of its own', () => {
    const pool = podOf(find<V1Deployment>(cpu, 'Deployment', 'cpu-spot'));
    const canary = podOf(canaryOf('spot'));
    expect(containerOf(canary, 'ollama')).toEqual(containerOf(pool, 'ollama'));
    expect(canary.nodeSelector).toEqual(pool.nodeSelector);
    expect(canary.tolerations).toEqual(pool.tolerations);
    expect(canary.affinity).toEqual(pool.affinity);
  });

  it('of a persistent pool has a volume that goes with it', () => {
    expect(podOf(canaryOf('base-a')).volumes).toContainEqual(
      expect.objectContaining({ name: 'models', ephemeral: expect.anything() }),
    );
  });
});
