import { modelParameter, ollamaImageParameter } from '../../core/protocol/upgrade.ts';
import { NEW_IMAGE, OLD_IMAGE, OLD_MODEL, UpgradeWorld } from '../functions/upgrade/world.ts';
import { definition, TaskFailure } from './harness.ts';
import { isOld, tasksOf, upgrade } from './upgrade-run.ts';

const OLLAMA = { target: 'ollama', to: '0.18.0' };
const MODEL = { target: 'model', to: 'llama3.2:3b' };
const NODES = { target: 'nodes', to: 'latest' };
const KUBERNETES = { target: 'kubernetes', to: '1.36' };

const image = (world: UpgradeWorld) => world.values.get(ollamaImageParameter('test'));

describe('an upgrade', () => {
  it('of Ollama: canary, roll, record', async () => {
    const world = new UpgradeWorld();
    const { states } = await upgrade(world, OLLAMA);
    expect(states.at(-1)).toBe('Upgraded');
    expect(new Set(world.runs())).toEqual(new Set([`main 0.18.0 ${OLD_MODEL}`, `spot 0.18.0 ${OLD_MODEL}`]));
    expect(image(world)).toBe(NEW_IMAGE);
    expect(world.leftovers()).toEqual([]);
    expect(await world.state.history(1)).toMatchObject([
      { outcome: 'upgraded', from: OLD_IMAGE, to: NEW_IMAGE },
    ]);
  });

  it('of a model', async () => {
    const world = new UpgradeWorld();
    const { states } = await upgrade(world, MODEL);
    expect(states.at(-1)).toBe('Upgraded');
    expect(new Set(world.runs())).toEqual(new Set(['main 0.17.4 llama3.2:3b', 'spot 0.17.4 llama3.2:3b']));
    expect(world.values.get(modelParameter('test', 'cpu', OLD_MODEL))).toBe('llama3.2:3b');
    expect(world.leftovers()).toEqual([]);
  });

  it('of nodes: one group after the other, AZRebalance on meanwhile only', async () => {
    const world = new UpgradeWorld();
    const { states } = await upgrade(world, NODES);
    expect(states.at(-1)).toBe('Upgraded');
    expect(world.eks.groups.map(({ release }) => release)).toEqual(Array(3).fill('1.35.9-2'));
    const calls = states.filter((state) => /AZRebalance|Update nodes/.test(state));
    expect(calls.slice(0, 3)).toEqual(['Resume AZRebalance', 'Update nodes', 'Suspend AZRebalance']);
    expect(calls).toHaveLength(9);
    expect(world.leftovers()).toEqual([]);
  });

  it('of Kubernetes: control plane, add-ons that do not fit, bake, nodes, record', async () => {
    const world = new UpgradeWorld();
    const { states } = await upgrade(world, KUBERNETES);
    expect(states.at(-1)).toBe('Upgraded');
    const order = ['Update control plane', 'Update add-on', 'Bake', 'Update nodes', 'Record version'];
    expect(order.map((state) => states.indexOf(state))).toEqual(
      order.map((state) => states.indexOf(state)).toSorted((a, b) => a - b),
    );
    expect(states.filter((state) => state === 'Update add-on')).toHaveLength(1);
    expect(world.eks.groups.every(({ version }) => version === '1.36')).toBe(true);
    expect(world.leftovers()).toEqual([]);
  });

  it('that only asks says what stands in the way, and takes no lock', async () => {
    const world = new UpgradeWorld();
    const { output, states } = await upgrade(world, { ...OLLAMA, dryRun: true });
    expect(states.at(-1)).toBe('Only planned');
    expect(output).toMatchObject({ obstacles: [], plan: { summary: expect.stringContaining('0.18.0') } });
    expect(world.leftovers()).toEqual([]);
  });

  it.each([['text'], [{}], [{ target: 'ollama', to: '0.17.4' }], [{ target: 'kubernetes', to: '1.38' }]])(
    'that makes no sense is refused: %j',
    async (request) => {
      const world = new UpgradeWorld();
      const { states, error } = await upgrade(world, request);
      expect(states.at(-1)).toBe('Refused');
      expect(error?.message).toBeTruthy();
      expect(world.leftovers()).toEqual([]);
    },
  );

  it('is refused while another runs, and while another was left half-way', async () => {
    const world = new UpgradeWorld();
    await upgrade(world, OLLAMA, { task: 'Record version', when: 'before' });
    const holder = world.state.current?.holder ?? '';
    const other = await upgrade(world, MODEL);
    expect(other.error?.message).toContain('left half-way');
    world.running.add(holder);
    const same = await upgrade(world, OLLAMA);
    expect(same.error?.message).toContain('another upgrade runs');
    expect(world.state.current?.holder).toBe(holder);
  });
});

describe('a version that is no good', () => {
  const bad = (world: UpgradeWorld, change: object) => {
    world.answer = (running) => (running === NEW_IMAGE ? change : undefined);
  };

  it('at the canary goes back before any replica was touched', async () => {
    const world = new UpgradeWorld();
    bad(world, { text: 'other words' });
    const before = world.runs();
    const { states, error } = await upgrade(world, OLLAMA);
    expect(states.at(-1)).toBe('Rolled back');
    expect(states).not.toContain('Roll');
    expect(error?.message).toContain("like the rest's");
    expect(world.runs()).toEqual(expect.arrayContaining(before));
    expect([isOld(world), image(world), world.leftovers()]).toEqual([true, OLD_IMAGE, []]);
    expect(await world.state.history(1)).toMatchObject([{ outcome: 'rolled-back' }]);
  });

  it('that shows itself only at the replicas that serve goes back too', async () => {
    const world = new UpgradeWorld();
    world.answer = (running) =>
      running === NEW_IMAGE && !world.rollouts.pods.some(({ isCanary }) => isCanary)
        ? { ok: false, error: 'it answered 500' }
        : undefined;
    const { states, error } = await upgrade(world, OLLAMA);
    expect(states).toContain('Roll');
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toContain('it answered 500');
    expect([isOld(world), image(world), world.leftovers()]).toEqual([true, OLD_IMAGE, []]);
  });

  it('whose replicas never come up goes back, and what hangs is removed', async () => {
    const world = new UpgradeWorld();
    world.rollouts.broken = ({ image: running }) =>
      running === NEW_IMAGE &&
      world.rollouts.canaries.main?.replicas === 0 &&
      world.rollouts.canaries.spot?.replicas === 0;
    const { states, error } = await upgrade(world, OLLAMA);
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toContain('is not warm');
    expect([isOld(world), world.leftovers()]).toEqual([true, []]);
  });

  it('that nobody can pull goes back within minutes, and says so', async () => {
    const world = new UpgradeWorld();
    const message = 'Back-off pulling image "docker.io/ollama/ollama:0.18.0"';
    world.rollouts.waiting = (runs) =>
      runs.image === NEW_IMAGE ? { reason: 'ImagePullBackOff', message } : undefined;
    const began = world.now;
    const { states, error } = await upgrade(world, OLLAMA);
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toMatch(/canary .* does not get its image: ImagePullBackOff: Back-off/);
    expect(world.now - began).toBeLessThan(200);
    expect([isOld(world), world.leftovers()]).toEqual([true, []]);
  });

  it.each([
    ['no-such-model', false, /can't: no registry has llama3.2:3b/],
    // One that may yet come has its time, and its reason is told all the while.
    ['source-unavailable', true, /is not warm/],
  ] as const)('a model that can not be had (%s) goes back', async (kind, retryable, words) => {
    const world = new UpgradeWorld();
    const isAsked = ({ models }: { models: string[] }) => models.includes(MODEL.to);
    world.rollouts.broken = isAsked;
    world.coldness = (runs) =>
      isAsked(runs) ? { kind, retryable, reason: 'no registry has llama3.2:3b' } : undefined;
    const told: string[] = [];
    world.state.onNote = ({ say }) => told.push(say ?? '');
    const { states, error } = await upgrade(world, MODEL);
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toMatch(words);
    if (retryable) expect(told).toContainEqual(expect.stringContaining('what holds it up: no registry has'));
    expect(world.leftovers()).toEqual([]);
  });

  it('that a person wants back goes back', async () => {
    const world = new UpgradeWorld();
    world.answer = () => {
      if (world.state.current) world.state.current.abort = true;
      return undefined;
    };
    const { states, error } = await upgrade(world, OLLAMA);
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toContain('a person asked');
    expect([isOld(world), world.leftovers()]).toEqual([true, []]);
  });
});

/** Tasks by the upgrades that reach them. */
const REACHED: [request: { target: string; to: string }, tasks: string[]][] = [
  [OLLAMA, ['Ask health', 'Begin', 'Canary', 'Start a tick', 'Roll', 'Record version', 'Upgraded: clean up']],
  [NODES, ['Nodes', 'Resume AZRebalance', 'Update nodes', 'Suspend AZRebalance']],
  [{ target: 'nodes', to: '1.35.9-2' }, ['Update nodes to a release']],
  [
    KUBERNETES,
    [
      'Refresh insights',
      'Look at insights',
      'Control plane',
      'Update control plane',
      'Add-ons',
      'Update add-on',
      'Ask health while it bakes',
      'Bake',
    ],
  ],
];
const TABLE = REACHED.flatMap(([request, tasks]) =>
  tasks.flatMap((task) => (['before', 'after'] as const).map((when) => ({ task, when, request }))),
);
/** Tasks whose failure an upgrade survives: what they do is not needed, or done by others. */
const HARMLESS = [
  ...['Start a tick before', 'Start a tick after'],
  ...['Ask health while it bakes before', 'Ask health while it bakes after'],
  // What EKS was asked for is there, though its answer was lost.
  'Update control plane after',
];

describe('a Task that fails for good', () => {
  it.each(TABLE)(
    '$task ($when it acts), in an upgrade of $request.target: says so, and a rerun completes',
    async ({ task, when, request }) => {
      const world = new UpgradeWorld();
      const first = await upgrade(world, request, { task, when });
      expect(first.failed).toBeGreaterThan(0);
      if (HARMLESS.includes(`${task} ${when}`)) expect(first.states.at(-1)).toBe('Upgraded');
      else {
        expect(first.error?.message).toMatch(
          task === 'Ask health' ? /verdict/ : new RegExp(`${task} is broken`),
        );
        expect(['Not begun', 'Refused', 'Rolled back', 'Stopped']).toContain(first.states.at(-1));
        const second = await upgrade(world, request);
        // Where only the last answer was lost, nothing is left to do.
        const isDone = task === 'Upgraded: clean up' && when === 'after';
        expect(second.states.at(-1)).toBe(isDone ? 'Refused' : 'Upgraded');
        if (isDone) expect(second.error?.message).toContain('already');
      }
      expect(world.leftovers()).toEqual([]);
      if (request.target === 'ollama') expect([isOld(world), image(world)]).toEqual([false, NEW_IMAGE]);
      if (request.target === 'nodes')
        expect(world.eks.groups.every(({ release }) => release === '1.35.9-2')).toBe(true);
      if (request.target === 'kubernetes')
        expect(world.eks.groups.every(({ version }) => version === '1.36')).toBe(true);
    },
  );

  const BACK = ['Go back', 'Gone back: clean up', 'Stop'];
  const bothWays = (task: string) => (['before', 'after'] as const).map((when) => ({ task, when }));

  it.each(BACK.slice(0, 2).flatMap(bothWays))(
    '$task ($when it acts), on the way back: it can be taken back, or completed',
    async ({ task, when }) => {
      for (const back of [true, false]) {
        const world = new UpgradeWorld();
        world.answer = (running) => (running === NEW_IMAGE ? { text: 'nonsense' } : undefined);
        const first = await upgrade(world, OLLAMA, { task, when });
        expect(first.states.at(-1)).toBe('Stopped');
        expect(first.error?.message).toContain(`${task} is broken`);
        world.answer = () => undefined;
        const second = await upgrade(world, { ...OLLAMA, ...(back && { back }) });
        expect(second.states.at(-1)).toBe(back ? 'Taken back' : 'Upgraded');
        expect(image(world)).toBe(back ? OLD_IMAGE : NEW_IMAGE);
        expect(isOld(world)).toBe(back);
        expect(world.leftovers()).toEqual([]);
      }
    },
  );

  it.each(bothWays('Stop'))(
    'Stop ($when it acts): the first error is told, and a rerun completes',
    async (fault) => {
      const world = new UpgradeWorld();
      const first = await upgrade(world, OLLAMA, fault, {
        'Record version': () => {
          throw new TaskFailure('Ssm.SsmException', 'no parameter store today');
        },
      });
      expect(first.failed).toBeGreaterThan(0);
      expect(first.states.at(-1)).toBe('Stopped');
      expect(first.error?.message).toContain('no parameter store today');
      expect((await upgrade(world, OLLAMA)).states.at(-1)).toBe('Upgraded');
      expect(world.leftovers()).toEqual([]);
    },
  );

  it('every Task is in a table', () => {
    const tasks = new Set<string>();
    JSON.stringify(definition('upgrade'), (key, value) => {
      for (const [name, state] of Object.entries(key === 'States' ? value : {}))
        if ((state as { Type: string }).Type === 'Task') tasks.add(name);
      return value;
    });
    const listed = [...TABLE.map(({ task }) => task), ...BACK, 'Roll back control plane'];
    expect([...tasks].toSorted()).toEqual([...new Set(listed)].toSorted());
    expect(Object.keys(tasksOf(new UpgradeWorld())).toSorted()).toEqual([...tasks].toSorted());
  });
});

describe('a Task that fails now and then', () => {
  it.each(['Begin', 'Canary', 'Roll', 'Record version', 'Upgraded: clean up'])(
    '%s: nobody notices',
    async (task) => {
      const world = new UpgradeWorld();
      const { states } = await upgrade(world, OLLAMA, { task, when: 'after', times: 2 });
      expect(states.at(-1)).toBe('Upgraded');
      expect(world.leftovers()).toEqual([]);
    },
  );
});

it.each([OLLAMA, NODES])(
  'one that has lost its lock (%j) leaves alone what is another’s',
  async (request) => {
    const world = new UpgradeWorld();
    const other = { ...OLLAMA, holder: 'arn:another', until: world.now + 9000 };
    world.state.onNote = () => {
      if (!world.state.current || world.state.current.holder === other.holder) return;
      world.state.current = { ...world.state.current, holder: other.holder };
      for (const { name, kind } of world.rollouts.workloads)
        void world.rollouts.mark({ name, kind }, { v: 1, ...other, spareNodes: 1, replicas: 0 });
      void world.rollouts.setCanary('cpu', 'main', 1);
    };
    const { states, error } = await upgrade(world, request);
    expect(states.at(-1)).toBe('Stopped');
    expect(error?.message).toContain('is that of');
    expect(world.state.current?.holder).toBe(other.holder);
    expect(world.leftovers()).toEqual(
      expect.arrayContaining(['mark on cpu-main', 'canary of main', 'the lock']),
    );
    expect(await world.state.history(1)).toEqual([]);
  },
);

describe('a control plane that is not well', () => {
  /** One verdict after the other; the last one stays. */
  const verdicts = (...all: string[]) => ({
    'Ask health while it bakes': () => ({
      Payload: { verdict: all.length > 1 ? all.shift() : all[0], checks: [] },
    }),
  });
  const unwell = () => verdicts('healthy', 'degraded');

  it('for a moment only is kept', async () => {
    const world = new UpgradeWorld();
    const { states } = await upgrade(
      world,
      KUBERNETES,
      undefined,
      verdicts('degraded', 'degraded', 'healthy'),
    );
    expect(states.at(-1)).toBe('Upgraded');
  });

  it('is not kept for a moment when nothing serves', async () => {
    const world = new UpgradeWorld();
    const { states, error } = await upgrade(world, KUBERNETES, undefined, verdicts('unhealthy', 'healthy'));
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toContain('unhealthy');
  });

  it('goes back while it bakes, before any node has changed', async () => {
    const world = new UpgradeWorld();
    const { states, error } = await upgrade(world, KUBERNETES, undefined, unwell());
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toContain('degraded');
    expect(states).toContain('Roll back control plane');
    expect(world.eks.version).toBe('1.35');
    expect(world.eks.groups.every(({ version }) => version === '1.35')).toBe(true);
    expect(world.leftovers()).toEqual([]);
  });

  it('and that EKS does not take back stays, says so, and is taken back or completed by another execution', async () => {
    for (const back of [true, false]) {
      const world = new UpgradeWorld();
      const task = 'Roll back control plane';
      const first = await upgrade(world, KUBERNETES, { task, when: 'before' }, unwell());
      expect(first.states.at(-1)).toBe('Stopped');
      expect(first.error?.message).toMatch(
        /degraded .*; and it can not go back by itself: EKS refused: Test.Broken: Roll back control plane is broken/,
      );
      expect(world.eks.version).toBe('1.36');
      expect((await upgrade(world, OLLAMA)).error?.message).toContain('left half-way');
      const second = await upgrade(world, { ...KUBERNETES, ...(back && { back }) });
      expect(second.states.at(-1)).toBe(back ? 'Taken back' : 'Upgraded');
      expect(world.eks.version).toBe(back ? '1.35' : '1.36');
      expect(world.leftovers()).toEqual([]);
    }
  });

  it('and that is taken back although the answer was lost is back', async () => {
    const world = new UpgradeWorld();
    const fault = { task: 'Roll back control plane', when: 'after' } as const;
    const { states, error } = await upgrade(world, KUBERNETES, fault, unwell());
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toContain('degraded');
    expect([world.eks.version, world.leftovers()]).toEqual(['1.35', []]);
  });
});

describe('an update that EKS begins and does not bring to its end', () => {
  it('of the control plane: everything is as before, the reason is told, and a rerun completes', async () => {
    const world = new UpgradeWorld();
    world.eks.failNext = 'InsufficientFreeAddresses: none left';
    const { states, error } = await upgrade(world, KUBERNETES);
    expect(states.at(-1)).toBe('Rolled back');
    expect(error?.message).toContain('InsufficientFreeAddresses: none left');
    expect([world.eks.version, world.leftovers()]).toEqual(['1.35', []]);
    expect((await upgrade(world, KUBERNETES)).states.at(-1)).toBe('Upgraded');
  });

  it('of nodes: those that are new stay, AZRebalance is off again, the reason is told, and a rerun takes the rest', async () => {
    const world = new UpgradeWorld();
    let updates = 0;
    const { states, error } = await upgrade(world, NODES, undefined, {
      'Update nodes': ((input: { NodegroupName: string; Version: string }) => {
        updates += 1;
        if (updates === 2) world.eks.failNext = 'PodEvictionFailure: pods do not leave';
        return world.eks.updateNodes(input.NodegroupName, input.Version);
      }) as () => unknown,
    });
    expect(states.at(-1)).toBe('Stopped');
    expect(error?.message).toMatch(
      /EKS could not update test-cpu-spot: PodEvictionFailure: pods do not leave/,
    );
    expect(world.eks.groups.map(({ release }) => release)).toEqual(['1.35.9-2', '1.35.0-1', '1.35.0-1']);
    expect(world.suspended.size).toBe(3);
    expect((await upgrade(world, NODES)).states.at(-1)).toBe('Upgraded');
    expect(world.leftovers()).toEqual([]);
  });
});
