import { ailing, ailmentsOf, type FleetState, type Inventory, type PoolState } from './inventory.ts';
import type { UpgradePlan } from './plan.ts';
import { minorsBetween } from './versions.ts';

/** Something that stands in the way of an upgrade. */
export interface Obstacle {
  /** Name of the rule, kebab-case, stable. */
  rule: string;
  /** What is the matter. */
  text: string;
  /** What to do about it. */
  next: string;
}

type Rule = (plan: UpgradePlan, inventory: Inventory) => Obstacle[];

/**
 * Kubernetes itself lets kubelets be three minor versions behind; EKS wants managed node groups at the version of their control
 * plane before it brings that to the next. Source: EKS API reference, 'UpdateClusterVersion'.
 */
const MAX_SKEW = 1;

/**
 * APIs that Kubernetes stops serving, by the version that no longer has them.
 * Source: Kubernetes, 'Deprecated API Migration Guide'.
 */
const REMOVED_APIS: Readonly<Record<string, string>> = {
  'flowcontrol.apiserver.k8s.io/v1beta3': '1.32',
  'flowcontrol.apiserver.k8s.io/v1beta2': '1.29',
  'autoscaling/v2beta2': '1.26',
  'policy/v1beta1': '1.25',
  'batch/v1beta1': '1.25',
};

const health: Rule = (_, { health }) => {
  if (!health)
    return [
      {
        rule: 'health',
        text: 'the health check gave no verdict',
        next: 'see the log of the function healthcheck',
      },
    ];
  if (health.verdict === 'healthy') return [];
  const next = ailing(health).find((check) => check.next)?.next ?? 'see to what the health check names';
  return [{ rule: 'health', text: `the system is ${health.verdict}: ${ailmentsOf(health)}`, next }];
};

const cluster: Rule = (_, { cluster }) =>
  cluster.status === 'ACTIVE'
    ? []
    : [
        {
          rule: 'cluster',
          text: `the cluster is ${cluster.status}`,
          next: 'wait until EKS has ended what it does',
        },
      ];

const fleetsOf = (plan: UpgradePlan, { fleets }: Inventory): FleetState[] =>
  plan.changes.flatMap(({ fleet }) => fleets.find(({ name }) => name === fleet) ?? []);

/** Room for the extra replica: the canary, then the spare while the others are replaced. */
const capacity: Rule = (plan, inventory) =>
  plan.changes.flatMap(({ fleet, sparePool }) => {
    if (sparePool) return [];
    const pools = fleetsOf(plan, inventory).find(({ name }) => name === fleet)?.pools ?? [];
    const full = pools.map((pool) => `${pool.name} ${pool.desired} of ${Math.min(pool.max, pool.maxNodes)}`);
    return [
      {
        rule: 'capacity',
        text: `no pool of ${fleet} has room for one more replica (${full.join(', ')})`,
        next: 'raise `max` of one pool and deploy, or wait until the load is lower',
      },
    ];
  });

/** A canary is judged against replicas that serve. */
const comparison: Rule = (plan, inventory) =>
  fleetsOf(plan, inventory)
    .filter(({ pools }) => pools.every(({ ready }) => ready === 0))
    .map(({ name }) => ({
      rule: 'comparison',
      text: `the fleet ${name} has no replica that serves: there is nothing to compare a canary with`,
      next: `wake the fleet (send it a request), and begin again when \`paddock status\` shows it warm`,
    }));

/** Pods that run something else than what is recorded: half an upgrade, or someone's hand. */
const drift: Rule = (plan, inventory) =>
  plan.changes.flatMap(({ fleet, image }) =>
    (image ? (inventory.fleets.find(({ name }) => name === fleet)?.pools ?? []) : [])
      .filter((pool) => pool.image !== image?.from && pool.image !== image?.to)
      .map((pool) => ({
        rule: 'drift',
        text: `${fleet}-${pool.name} runs ${pool.image}, and ${image?.from} is recorded`,
        next: 'deploy the control plane, which brings back what is recorded; then begin again',
      })),
  );

const insights: Rule = ({ request }, { insights = [] }) =>
  request.target !== 'kubernetes'
    ? []
    : insights
        .filter(({ status }) => status === 'ERROR' || status === 'UNKNOWN')
        .map(({ name, status, reason }) => ({
          rule: 'insights',
          text: `EKS says of "${name}": ${status}: ${reason}`,
          next: 'see the cluster’s upgrade insights in the EKS console, and do what they recommend',
        }));

const skew: Rule = ({ request, to }, { nodegroups = [] }) =>
  request.target !== 'kubernetes'
    ? []
    : nodegroups
        .filter(({ version }) => (minorsBetween(version, to) ?? MAX_SKEW + 1) > MAX_SKEW)
        .map(({ name, version }) => ({
          rule: 'skew',
          text: `the nodes of ${name} have ${version}: EKS wants them at the control plane's version before it goes to ${to}`,
          next: 'upgrade the nodes first: `paddock upgrade nodes latest`',
        }));

const addons: Rule = ({ request, to }, { addons = [] }) =>
  request.target !== 'kubernetes'
    ? []
    : addons
        .filter(({ fitting, status }) => fitting.length === 0 || status !== 'ACTIVE')
        .map(({ name, version, fitting, status }) => ({
          rule: 'addons',
          text:
            fitting.length === 0
              ? `no version of the add-on ${name} (${version}) fits ${to}`
              : `the add-on ${name} is ${status}`,
          next:
            fitting.length === 0
              ? 'wait until AWS offers one (describe-addon-versions)'
              : 'see its health in the EKS console',
        }));

const apis: Rule = ({ request, to }, { usedApis }) =>
  request.target !== 'kubernetes'
    ? []
    : usedApis
        .filter((api) => {
          const gone = REMOVED_APIS[api];
          return gone !== undefined && (minorsBetween(gone, to) ?? 0) >= 0;
        })
        .map((api) => ({
          rule: 'apis',
          text: `${api} is used, and ${to} does not serve it`,
          next: 'deploy a version of Paddock that uses its successor',
        }));

const nodegroups: Rule = ({ nodegroups: chosen }, { nodegroups = [] }) =>
  nodegroups
    .filter(({ name, status, issues }) => chosen.includes(name) && (status !== 'ACTIVE' || issues.length > 0))
    .map(({ name, status, issues }) => ({
      rule: 'node-groups',
      text: `the node group ${name} is ${status}${issues.length > 0 ? `: ${issues.join('; ')}` : ''}`,
      next: 'see its health issues in the EKS console',
    }));

/** A replica that the scaler drains uses its pool's budget up, and leaves by its deadline: EKS repeats evictions for longer. */
const isSpentOnDrain = ({ ready, draining, desired }: PoolState): boolean =>
  draining > 0 && ready + draining >= desired;

/** EKS drains within disruption budgets: one that allows none now would block it. */
const budgets: Rule = ({ request }, { fleets }) =>
  request.target !== 'nodes' && request.target !== 'kubernetes'
    ? []
    : fleets.flatMap(({ name, pools }) =>
        pools
          .filter((pool) => pool.ready > 0 && pool.disruptionsAllowed === 0 && !isSpentOnDrain(pool))
          .map((pool) => ({
            rule: 'disruption-budget',
            text: `the disruption budget of ${name}-${pool.name} allows no pod to go now`,
            next: 'wait until its replicas are all warm',
          })),
      );

const RULES: readonly Rule[] = [
  cluster,
  health,
  capacity,
  comparison,
  drift,
  insights,
  skew,
  addons,
  apis,
  nodegroups,
  budgets,
];

/** All that stands in the way; empty: go. */
export const obstacles = (plan: UpgradePlan, inventory: Inventory): Obstacle[] =>
  RULES.flatMap((rule) => rule(plan, inventory));
