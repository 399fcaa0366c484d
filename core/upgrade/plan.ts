import { canonicalModel } from '../protocol/model-names.ts';
import { type FleetState, hasLeftovers, type Inventory, sparePool } from './inventory.ts';
import type { UpgradeRequest } from './request.ts';
import { imageOf, minorsBetween } from './versions.ts';

export interface PlanStep {
  /** Kebab-case, stable. */
  name: string;
  /** What it changes, one sentence. */
  does: string;
  /** How it is taken back, and by whom. */
  undo: string;
  /** Until when that is possible. */
  until: string;
}

/** What changes in the pods of some fleets: `ollama` and `model`. */
export interface WorkloadChange {
  fleet: string;
  /** Where the extra replica runs: canary first, then the spare. */
  sparePool: string;
  /** In the order in which they are rolled. */
  pools: string[];
  /** Image of the model server. */
  image?: { from: string; to: string } | undefined;
  /** The model behind a served name. */
  model?: { served: string; from: string; to: string } | undefined;
}

export interface UpgradePlan {
  request: UpgradeRequest;
  /** One line. */
  summary: string;
  from: string;
  to: string;
  steps: PlanStep[];
  /** Of `ollama` and `model`; fleets one after the other. */
  changes: WorkloadChange[];
  /** Node groups in their order, of `nodes` and `kubernetes`. */
  nodegroups: string[];
}

export type Planned = { ok: true; plan: UpgradePlan } | { ok: false; problems: string[] };

/** What an upgrade would do, step by step. `problems`: it names what does not exist, or goes where nothing can go. */
export function makePlan(request: UpgradeRequest, inventory: Inventory): Planned {
  const fleets = inventory.fleets.filter(({ name }) => request.fleet === undefined || request.fleet === name);
  if (fleets.length === 0) {
    const known = inventory.fleets.map(({ name }) => name).join(', ');
    return { ok: false, problems: [`there is no fleet ${request.fleet}; there are: ${known}`] };
  }
  switch (request.target) {
    case 'ollama':
      return planOllama(request, inventory, fleets);
    case 'model':
      return planModel(request, inventory, fleets);
    case 'nodes':
      return planNodes(request, inventory, fleets);
    case 'kubernetes':
      return planKubernetes(request, inventory);
  }
}

function planOllama(
  request: UpgradeRequest,
  { ollamaImage, resumes }: Inventory,
  fleets: FleetState[],
): Planned {
  const to = imageOf(request.to, ollamaImage);
  if (request.fleet !== undefined)
    return { ok: false, problems: ['all fleets of a cluster run the same Ollama: leave the fleet out'] };
  const isDone = (fleet: FleetState) =>
    !hasLeftovers(fleet) && fleet.pools.every(({ image }) => image === to);
  if (to === ollamaImage && fleets.every(isDone) && !resumes)
    return { ok: false, problems: [`the model servers run ${to} already`] };
  const changes = fleets.map((fleet) => changeOf(fleet, { image: { from: ollamaImage, to } }));
  return planned(request, `Ollama ${ollamaImage} → ${to}`, ollamaImage, to, changes);
}

function planModel(request: UpgradeRequest, { resumes }: Inventory, fleets: FleetState[]): Planned {
  if (fleets.length > 1) {
    const names = fleets.map(({ name }) => name).join(', ');
    return { ok: false, problems: [`a model is of one fleet: say which of ${names}`] };
  }
  const fleet = fleets[0] as FleetState;
  const [left, right] = request.to.split('=') as [string, string | undefined];
  const names = fleet.models.map(({ served }) => served).join(', ');
  if (right === undefined && fleet.models.length > 1)
    return {
      ok: false,
      problems: [`the fleet ${fleet.name} serves several models: give served=model, with one of ${names}`],
    };
  const to = right ?? left;
  const model =
    right === undefined
      ? fleet.models[0]
      : fleet.models.find(({ served }) => canonicalModel(served) === canonicalModel(left));
  if (!model)
    return { ok: false, problems: [`the fleet ${fleet.name} serves no model ${left}, only ${names}`] };
  if (canonicalModel(model.actual) === canonicalModel(to) && !hasLeftovers(fleet) && !resumes)
    return { ok: false, problems: [`behind ${model.served} there is ${to} already`] };
  if (fleet.models.some((one) => one !== model && canonicalModel(one.actual) === canonicalModel(to)))
    return { ok: false, problems: [`the fleet ${fleet.name} serves ${to} under another name already`] };
  const change = changeOf(fleet, { model: { served: model.served, from: model.actual, to } });
  const summary = `${fleet.name}: ${model.served} answered by ${to} instead of ${model.actual}`;
  return planned(request, summary, model.actual, to, [change]);
}

/** The spare pool first: its canary's node carries the spare replica while the others roll. */
function changeOf(fleet: FleetState, what: Pick<WorkloadChange, 'image' | 'model'>): WorkloadChange {
  const spare = sparePool(fleet)?.name ?? '';
  const others = fleet.pools.map(({ name }) => name).filter((name) => name !== spare);
  return { fleet: fleet.name, sparePool: spare, pools: spare ? [spare, ...others] : others, ...what };
}

function planned(
  request: UpgradeRequest,
  summary: string,
  from: string,
  to: string,
  changes: WorkloadChange[],
): Planned {
  const itself = 'the execution itself';
  const steps = changes.flatMap(({ fleet, sparePool: spare, pools }): PlanStep[] => [
    {
      name: `canary-${fleet}`,
      does: `one extra replica of ${fleet}, in pool ${spare || '(none has room)'}, runs ${to}; it takes no one's requests and answers the golden prompts beside the replicas that serve`,
      undo: `${itself} removes the canary when it is not as good as the rest`,
      until: 'its end; nothing else has changed yet',
    },
    ...pools.map((pool) => ({
      name: `roll-${fleet}-${pool}`,
      does: `the replicas of ${fleet}-${pool} are replaced one by one, each once the one before is warm and has answered`,
      undo: `${itself} rolls every pool back when one new replica does not come up or answers worse`,
      until: 'the version is recorded; afterwards by an upgrade to the old one',
    })),
  ]);
  steps.push({
    name: 'record',
    does: 'the parameter that deployments read gets the new version',
    undo: `an upgrade to ${from}`,
    until: 'any time',
  });
  return { ok: true, plan: { request, summary, from, to, steps, changes, nodegroups: [] } };
}

function planNodes(request: UpgradeRequest, inventory: Inventory, fleets: FleetState[]): Planned {
  const { cluster, nodegroups = [] } = inventory;
  const ofFleets = new Set(
    fleets.flatMap(({ name, pools }) => pools.map((pool) => `${cluster.name}-${name}-${pool.name}`)),
  );
  const chosen = nodegroups.filter(({ name }) => request.fleet === undefined || ofFleets.has(name));
  if (chosen.length === 0) return { ok: false, problems: ['there are no node groups to upgrade'] };
  const ahead = request.to === 'latest' ? 0 : minorsBetween(request.to, cluster.version);
  if (ahead === undefined || ahead < 0)
    return {
      ok: false,
      problems: [`nodes can't be newer than their control plane: ${request.to} on ${cluster.version}`],
    };
  const names = chosen.map(({ name }) => name).sort();
  const to = request.to === 'latest' ? `the latest image for ${cluster.version}` : request.to;
  return {
    ok: true,
    plan: {
      request,
      summary: `Nodes of ${names.length} groups → ${to}`,
      from: [...new Set(chosen.map(({ release }) => release))].join(', '),
      to: request.to,
      steps: names.map(nodesStep),
      changes: [],
      nodegroups: names,
    },
  };
}

const nodesStep = (name: string): PlanStep => ({
  name: `nodes-${name}`,
  does: `the nodes of ${name} are replaced by EKS, within disruption budgets`,
  undo: 'an upgrade of the nodes to their old release',
  until: 'any time, while EC2 offers that image',
});

/** EKS takes a control plane back for so long. Source: EKS, 'Roll back a cluster to a previous Kubernetes version'. */
const ROLLBACK_DAYS = 7;

function planKubernetes(request: UpgradeRequest, inventory: Inventory): Planned {
  const { cluster, nodegroups = [] } = inventory;
  const distance = minorsBetween(cluster.version, request.to);
  if (distance === undefined || distance < 0)
    return {
      ok: false,
      problems: [`the control plane has ${cluster.version}: ${request.to} is no newer minor version of it`],
    };
  if (distance === 0 && !inventory.resumes && nodegroups.every(({ version }) => version === request.to))
    return { ok: false, problems: [`the cluster and all its nodes have ${request.to} already`] };
  if (distance > 1) {
    const [major, minor] = cluster.version.split('.').map(Number) as [number, number];
    return {
      ok: false,
      problems: [
        `one minor version at a time: from ${cluster.version} go to ${major}.${minor + 1} first, then on to ${request.to}`,
      ],
    };
  }
  return {
    ok: true,
    plan: {
      request,
      summary: `Kubernetes ${cluster.version} → ${request.to}`,
      from: cluster.version,
      to: request.to,
      steps: kubernetesSteps(request, inventory),
      changes: [],
      nodegroups: nodegroups.map(({ name }) => name).sort(),
    },
  };
}

function kubernetesSteps(
  { to }: UpgradeRequest,
  { cluster, nodegroups = [], addons = [] }: Inventory,
): PlanStep[] {
  const back = `EKS rolls it back to ${cluster.version}: the execution while it bakes, a person afterwards (update-cluster-version)`;
  return [
    {
      name: 'control-plane',
      does: `EKS brings the control plane to ${to}`,
      undo: back,
      until: `${ROLLBACK_DAYS} days after it ended; the nodes have to be back at ${cluster.version} first`,
    },
    ...addons.map(({ name, version, fitting }) => ({
      name: `addon-${name}`,
      does: fitting.includes(version)
        ? `stays at ${version}, which fits`
        : `${version} → ${fitting[0] ?? '(no version fits)'}`,
      undo: `update-addon to ${version}`,
      until: 'any time',
    })),
    {
      name: 'bake',
      does: 'wait, and look that the system stays healthy, before any node changes',
      undo: back,
      until: 'its end',
    },
    ...nodegroups.map(({ name }) => nodesStep(name)),
    {
      name: 'record',
      does: 'the parameter that deployments read gets the new version',
      undo: 'written with every roll-back',
      until: 'any time',
    },
  ];
}
