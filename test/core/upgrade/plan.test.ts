import fc from 'fast-check';
import { makePlan } from '../../../core/upgrade/plan.ts';
import { obstacles } from '../../../core/upgrade/preflight.ts';
import { parseRequest, type UpgradeRequest } from '../../../core/upgrade/request.ts';
import { imageOf, minorsBetween } from '../../../core/upgrade/versions.ts';
import { fleetState, inventoryOf, OLD_IMAGE, poolState } from './fixtures.ts';

const planOf = (request: UpgradeRequest, inventory = inventoryOf()) => {
  const planned = makePlan(request, inventory);
  if (!planned.ok) throw new Error(planned.problems.join('; '));
  return planned.plan;
};
const problemsOf = (request: UpgradeRequest, inventory = inventoryOf()) => {
  const planned = makePlan(request, inventory);
  return planned.ok ? '' : planned.problems.join('; ');
};
const rulesOf = (request: UpgradeRequest, inventory = inventoryOf()) =>
  obstacles(planOf(request, inventory), inventory).map(({ rule }) => rule);

describe('what someone asks for', () => {
  it.each([
    [{ target: 'kubernetes', to: '1.36' }],
    [{ target: 'nodes', to: 'latest', fleet: 'cpu' }],
    [{ target: 'nodes', to: '1.35.2-20260820' }],
    [{ target: 'ollama', to: '0.18.0' }],
    [{ target: 'ollama', to: 'docker.io/ollama/ollama:0.18.0-rc1', dryRun: true }],
    [{ target: 'ollama', to: `registry:5000/ollama@sha256:${'a'.repeat(64)}` }],
    [{ target: 'model', to: 'llama3.2:3b' }],
    [{ target: 'model', to: 'llama3.1:8b=hf.co/someone/model:Q4_K_M', fleet: 'cpu' }],
  ])('%j is understood', (raw) => {
    expect(parseRequest(raw)).toEqual({ ok: true, request: raw });
  });

  it.each([
    [{ target: 'kernel', to: '6' }, 'target: must be one of kubernetes, nodes, ollama, model'],
    [{ target: 'ollama' }, 'to: must be text: what to upgrade to'],
    [{ target: 'ollama', to: '' }, 'to: is empty: what to upgrade to'],
    [{ target: 'kubernetes', to: '1.36.2' }, 'to: "1.36.2" is not a minor version, such as 1.36'],
    [{ target: 'kubernetes', to: '1.36', fleet: 'cpu' }, 'leave the fleet out'],
    [{ target: 'model', to: 'a=b=c' }, 'is not a model'],
    [{ target: 'ollama', to: '0.18.0; rm -rf /' }, 'is not a version'],
    [{ target: 'ollama', to: '0.18.0', force: true }, 'Unrecognized key'],
    ['nodes', 'the input'],
    [null, 'the input'],
  ])('%j is refused: %s', (raw, problem) => {
    const parsed = parseRequest(raw);
    expect(parsed.ok).toBe(false);
    expect(parsed.ok ? '' : parsed.problems.join('\n')).toContain(problem);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.anything(), (raw) => typeof parseRequest(raw).ok === 'boolean'));
  });
});

describe('versions', () => {
  it.each([
    ['0.18.0', OLD_IMAGE, 'docker.io/ollama/ollama:0.18.0'],
    ['0.18.0', 'registry:5000/ollama', 'registry:5000/ollama:0.18.0'],
    ['0.18.0', `ollama/ollama@sha256:${'a'.repeat(64)}`, 'ollama/ollama:0.18.0'],
    ['quay.io/x/ollama:1', OLD_IMAGE, 'quay.io/x/ollama:1'],
  ])('%s after %s is %s', (to, current, image) => {
    expect(imageOf(to, current)).toBe(image);
  });

  it('counts minors within one major', () => {
    expect(minorsBetween('1.35', '1.36')).toBe(1);
    expect(minorsBetween('v1.36.2-eks-1', '1.35')).toBe(-1);
    expect(minorsBetween('1.35', '2.0')).toBeUndefined();
  });
});

describe('plan', () => {
  it('of Ollama: a canary, the pools one by one, the record', () => {
    const spot = poolState({ name: 'spot', capacityType: 'spot' });
    const base = poolState({ name: 'base', kind: 'persistent', max: 1, desired: 1, desiredNodes: 1 });
    const inventory = inventoryOf({ fleets: [fleetState({ pools: [base, spot] })] });
    const plan = planOf({ target: 'ollama', to: '0.18.0' }, inventory);
    expect(plan.steps.map(({ name }) => name)).toEqual([
      'canary-cpu',
      'roll-cpu-spot',
      'roll-cpu-base',
      'record',
    ]);
    expect(plan.changes[0]).toEqual({
      fleet: 'cpu',
      sparePool: 'spot',
      pools: ['spot', 'base'],
      image: { from: OLD_IMAGE, to: 'docker.io/ollama/ollama:0.18.0' },
    });
    for (const { undo, until } of plan.steps) expect(undo && until).toBeTruthy();
  });

  it('of a model needs its fleet, and the name it is served under where there are several', () => {
    const two = fleetState({
      models: [
        { served: 'a:1', actual: 'a:1' },
        { served: 'b:1', actual: 'b:1' },
      ],
    });
    expect(problemsOf({ target: 'model', to: 'c:1' }, inventoryOf({ fleets: [two] }))).toContain(
      'served=model',
    );
    expect(problemsOf({ target: 'model', to: 'x:1=c:1' }, inventoryOf({ fleets: [two] }))).toContain(
      'serves no model x:1',
    );
    expect(problemsOf({ target: 'model', to: 'a:1=b:1' }, inventoryOf({ fleets: [two] }))).toContain(
      'under another name',
    );
    const plan = planOf({ target: 'model', to: 'b:1=c:1' }, inventoryOf({ fleets: [two] }));
    expect(plan.changes[0]?.model).toEqual({ served: 'b:1', from: 'b:1', to: 'c:1' });
    const both = inventoryOf({ fleets: [fleetState(), fleetState({ name: 'gpu' })] });
    expect(problemsOf({ target: 'model', to: 'c:1' }, both)).toContain('say which of cpu, gpu');
  });

  it('of Kubernetes goes one minor at a time, and says until when it can go back', () => {
    expect(problemsOf({ target: 'kubernetes', to: '1.37' })).toContain('go to 1.36 first');
    expect(problemsOf({ target: 'kubernetes', to: '1.34' })).toContain('no newer minor');
    const plan = planOf({ target: 'kubernetes', to: '1.36' });
    expect(plan.steps.map(({ name }) => name)).toEqual([
      'control-plane',
      'addon-coredns',
      'bake',
      'nodes-paddock-cpu-od',
      'nodes-paddock-system',
      'record',
    ]);
    expect(plan.steps[0]?.until).toContain('7 days');
  });

  it('names an unknown fleet and those there are', () => {
    expect(problemsOf({ target: 'nodes', to: 'latest', fleet: 'gpu' })).toBe(
      'there is no fleet gpu; there are: cpu',
    );
  });

  it('of what is there already is refused, unless an execution left something half-way', () => {
    expect(problemsOf({ target: 'ollama', to: '0.17.4' })).toContain('already');
    const left = inventoryOf({ fleets: [fleetState({ pools: [poolState({ isMarked: true })] })] });
    expect(problemsOf({ target: 'ollama', to: '0.17.4' }, left)).toBe('');
  });
});

describe('preflight', () => {
  const ollama: UpgradeRequest = { target: 'ollama', to: '0.18.0' };
  const kubernetes: UpgradeRequest = { target: 'kubernetes', to: '1.36' };

  it('lets a healthy system through', () => {
    expect(rulesOf(ollama)).toEqual([]);
    expect(rulesOf(kubernetes)).toEqual([]);
  });

  const withPool = (pool: Parameters<typeof poolState>[0]) =>
    inventoryOf({ fleets: [fleetState({ pools: [poolState(pool)] })] });
  it.each([
    ['capacity', ollama, withPool({ desired: 4, desiredNodes: 4, ready: 4 })],
    ['capacity', ollama, withPool({ maxNodes: 2 })],
    ['comparison', ollama, withPool({ desired: 0, ready: 0 })],
    ['drift', ollama, withPool({ image: 'docker.io/ollama/ollama:0.1.0' })],
    ['cluster', ollama, inventoryOf({ cluster: { name: 'paddock', version: '1.35', status: 'UPDATING' } })],
    ['health', ollama, inventoryOf({ health: undefined })],
    [
      'health',
      ollama,
      inventoryOf({
        health: { verdict: 'degraded', checks: [{ name: 'queue', status: 'unhealthy', evidence: 'old' }] },
      }),
    ],
    ['insights', kubernetes, inventoryOf({ insights: [{ name: 'APIs', status: 'ERROR', reason: 'used' }] })],
    [
      'skew',
      kubernetes,
      inventoryOf({
        nodegroups: [{ name: 'g', version: '1.34', release: '', status: 'ACTIVE', issues: [] }],
      }),
    ],
    [
      'addons',
      kubernetes,
      inventoryOf({ addons: [{ name: 'a', version: '1', status: 'ACTIVE', fitting: [] }] }),
    ],
    ['apis', kubernetes, inventoryOf({ usedApis: ['policy/v1beta1'] })],
    [
      'node-groups',
      kubernetes,
      inventoryOf({
        nodegroups: [{ name: 'g', version: '1.35', release: '', status: 'DEGRADED', issues: ['x'] }],
      }),
    ],
    ['disruption-budget', kubernetes, withPool({ disruptionsAllowed: 0 })],
    [
      'disruption-budget',
      kubernetes,
      withPool({ disruptionsAllowed: 0, desired: 4, ready: 2, draining: 1, maxNodes: 9, max: 9 }),
    ],
  ])('%s stands in the way', (rule, request, inventory) => {
    const found = obstacles(planOf(request, inventory), inventory);
    expect(found.map((one) => one.rule)).toEqual([rule]);
    expect(found[0]?.text).not.toContain('undefined');
    expect(found[0]?.next).toBeTruthy();
  });

  it('does not mind a budget that a replica uses up which scale-in takes away', () => {
    const inventory = withPool({ disruptionsAllowed: 0, desired: 2, ready: 1, draining: 1 });
    expect(rulesOf({ target: 'nodes', to: 'latest' }, inventory)).toEqual([]);
  });

  it('finds its own extra replica again, though it took the last room', () => {
    const inventory = withPool({ desired: 3, desiredNodes: 4, isSpare: true, isMarked: true });
    expect(rulesOf(ollama, inventory)).toEqual([]);
  });
});
