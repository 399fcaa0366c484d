import { initialMemory } from '../../../core/scaling/memory.ts';
import { reconcile } from '../../../core/scaling/reconcile.ts';
import type {
  Command,
  PoolObservation,
  PoolPolicy,
  ReplicaObservation,
  WorkerObservation,
} from '../../../core/scaling/types.ts';
import { viewFleet } from '../../../core/scaling/view.ts';
import { forgetWorkers } from '../../../core/scaling/workers.ts';
import {
  instanceOf,
  NOW,
  policyOf,
  poolOf,
  poolPolicy,
  replicaOf,
  snapshotOf,
  warmReplicas,
  workerOf,
} from './fixtures.ts';

interface Case {
  pool: PoolObservation;
  wanted: number;
  workers?: WorkerObservation[];
  kind?: PoolPolicy['kind'];
  blind?: boolean;
}

const viewOf = ({ pool, workers = [], kind = 'elastic', blind = false }: Omit<Case, 'wanted'>) => {
  const snapshot = snapshotOf({ pools: { od: pool }, workers });
  if (blind) snapshot.queue = { ok: false, error: 'timed out' };
  return viewFleet(snapshot, policyOf([poolPolicy({ kind })]), initialMemory());
};
const commandsFor = (one: Case): Command[] => reconcile(viewOf(one), { od: one.wanted }, 120);

const draining = (index: number, overrides: Partial<ReplicaObservation> = {}) =>
  replicaOf('od', index, { phase: 'draining', drainDeadline: NOW + 60, ...overrides });
const short = (commands: Command[]): string[] =>
  commands.map((command) => {
    switch (command.kind) {
      case 'set-replicas':
      case 'set-nodes':
        return `${command.kind} ${command.from}→${command.to}`;
      case 'terminate-instance':
        return `terminate ${command.instanceId}`;
      case 'protect-instances':
        return `${command.isProtected ? 'protect' : 'unprotect'} ${command.instanceIds}`;
      default:
        return `${command.kind} ${command.replica}`;
    }
  });

describe('scaling out', () => {
  it('sets replicas and nodes together', () => {
    expect(short(commandsFor({ pool: poolOf(warmReplicas('od', 2)), wanted: 5 }))).toEqual([
      'set-replicas 2→5',
      'set-nodes 2→5',
    ]);
  });

  it('cancels drains first', () => {
    const pool = poolOf([replicaOf('od', 0), draining(1), draining(2, { drainDeadline: NOW + 90 })]);
    expect(short(commandsFor({ pool, wanted: 2 }))).toEqual(['cancel-drain od-2']);
    expect(short(commandsFor({ pool, wanted: 4 }))).toEqual([
      'cancel-drain od-2',
      'cancel-drain od-1',
      'set-replicas 3→4',
      'set-nodes 3→4',
    ]);
  });

  it('repairs nodes that a tick which died half-way did not set', () => {
    const pool = poolOf(warmReplicas('od', 2), { desiredReplicas: 5, desiredNodes: 2 });
    expect(short(commandsFor({ pool, wanted: 5 }))).toEqual(['set-nodes 2→5']);
  });

  it('uses an emptied node instead of asking for one more', () => {
    const pool = poolOf(warmReplicas('od', 2), { desiredReplicas: 1, replicas: warmReplicas('od', 1) });
    expect(short(commandsFor({ pool, wanted: 2 }))).toEqual(['set-replicas 1→2']);
  });

  it('asks for no more nodes than the group may have', () => {
    const pool = poolOf(warmReplicas('od', 2), { desiredReplicas: 5, maxNodes: 4 });
    expect(short(commandsFor({ pool, wanted: 5 }))).toEqual(['set-nodes 2→4']);
  });
});

describe('scaling in: drain, then shrink, then terminate', () => {
  const [first, second, third] = warmReplicas('od', 3) as [
    ReplicaObservation,
    ReplicaObservation,
    ReplicaObservation,
  ];

  it('marks the idle before the busy and the young before the old', () => {
    const pool = poolOf([first, second, third]);
    const workers = [workerOf(first, 'od'), workerOf(second, 'od'), workerOf(third, 'od', { busyQueue: 1 })];
    expect(short(commandsFor({ pool, workers, wanted: 2 }))).toEqual(['drain od-1']);
    expect(short(commandsFor({ pool, workers, wanted: 1 }))).toEqual(['drain od-1', 'drain od-0']);
    expect(commandsFor({ pool, workers, wanted: 2 })[0]).toMatchObject({
      deadline: NOW + 120,
      podUid: 'od-uid-1',
    });
  });

  it('lowers replicas at once for those that no node was found for, and terminates nothing yet', () => {
    const pool = poolOf([first, replicaOf('od', 1, { phase: 'unassigned' })], { desiredNodes: 2 });
    expect(short(commandsFor({ pool, wanted: 1 }))).toEqual(['set-replicas 2→1']);
  });

  it('cancels replicas that were not even created', () => {
    const pool = poolOf([first], { desiredReplicas: 3, desiredNodes: 1 });
    expect(short(commandsFor({ pool, wanted: 1 }))).toEqual(['set-replicas 3→1']);
  });

  it.each([
    ['is still busy', { state: 'draining' as const, busyQueue: 1 }, {}, false],
    ['is idle and has seen the mark', { state: 'draining' as const }, {}, true],
    ['is idle but has not seen the mark yet', { state: 'warm' as const }, {}, false],
    ['is past its deadline', { state: 'draining' as const, busyQueue: 1 }, { drainDeadline: NOW }, true],
  ])('a marked replica that %s', (_, worker, mark, goes) => {
    const marked = draining(1, mark);
    const pool = poolOf([first, marked]);
    const workers = [workerOf(first, 'od', { busyQueue: 1 }), workerOf(marked, 'od', worker)];
    expect(short(commandsFor({ pool, workers, wanted: 1 }))).toEqual(goes ? ['set-replicas 2→1'] : []);
  });

  it('waits for a younger one that still drains: the controller would take it first', () => {
    const older = draining(1);
    const younger = draining(2);
    const workers = [
      workerOf(older, 'od', { state: 'draining' }),
      workerOf(younger, 'od', { state: 'draining', busyQueue: 1 }),
    ];
    expect(short(commandsFor({ pool: poolOf([first, older, younger]), workers, wanted: 1 }))).toEqual([]);
  });

  it('clears the deletion cost of a drain that never began, unless it is to go now', () => {
    const stray = replicaOf('od', 1, { hasStrayCost: true });
    const pool = poolOf([first, stray]);
    expect(short(commandsFor({ pool, wanted: 2 }))).toEqual(['clear-cost od-1']);
    expect(short(commandsFor({ pool, wanted: 1 }))).toEqual(['drain od-1']);
  });

  it('waits while a busy one has the deletion cost of a drain that never began: that one would go', () => {
    const stray = replicaOf('od', 2, { hasStrayCost: true });
    const marked = draining(1);
    const workers = [workerOf(stray, 'od', { busyQueue: 1 }), workerOf(marked, 'od', { state: 'draining' })];
    const pool = poolOf([first, marked, stray]);
    expect(short(commandsFor({ pool, workers, wanted: 2 }))).toEqual(['clear-cost od-2']);
  });

  it('waits while the drained one is still Ready and an older, busy, marked one is not: that one would go', () => {
    const older = draining(1, { isReady: false });
    const younger = draining(2, { isReady: true });
    const workers = [
      workerOf(older, 'od', { state: 'draining', busyQueue: 1 }),
      workerOf(younger, 'od', { state: 'draining' }),
    ];
    const pool = (drained: typeof younger) => poolOf([first, older, drained]);
    expect(short(commandsFor({ pool: pool(younger), workers, wanted: 1 }))).toEqual([]);
    const unready = { ...younger, isReady: false };
    expect(short(commandsFor({ pool: pool(unready), workers, wanted: 1 }))).toEqual(['set-replicas 3→2']);
  });

  it('waits while an unready pod would be removed in place of the drained one', () => {
    const marked = draining(1);
    const workers = [workerOf(marked, 'od', { state: 'draining' })];
    const others = ['unassigned', 'starting'] as const;
    for (const phase of others) {
      const pool = poolOf([replicaOf('od', 2, { phase }), marked], { desiredNodes: 2 });
      expect(short(commandsFor({ pool, workers, wanted: 1 }))).toEqual([]);
    }
  });

  it('terminates exactly the emptied node, once its pod is gone', () => {
    const leaving = { ...second, phase: 'terminating' as const };
    const pool = poolOf([first, leaving, third], { desiredReplicas: 2 });
    expect(short(commandsFor({ pool, wanted: 2 }))).toEqual([]);
    const gone = { ...pool, replicas: [first, third] };
    expect(short(commandsFor({ pool: gone, wanted: 2 }))).toEqual(['terminate od-i-1']);
  });

  it('terminates one that has not joined before one that has', () => {
    const pool = poolOf([first], {
      desiredNodes: 2,
      instances: [
        { instanceId: 'od-i-0', lifecycle: 'in-service', node: 'od-node-0' },
        { instanceId: 'joined', lifecycle: 'in-service', node: 'other' },
        { instanceId: 'booting', lifecycle: 'pending' },
      ],
    });
    expect(short(commandsFor({ pool, wanted: 1 }))).toEqual(['terminate booting']);
  });

  it('terminates no joined node while a replica looks for one: it may be bound there this very moment', () => {
    const instances = [0, 1, 2].map((index) => instanceOf(replicaOf('od', index)));
    const emptied = poolOf([first], { desiredNodes: 3, instances });
    expect(short(commandsFor({ pool: emptied, wanted: 2 }))).toEqual(['set-replicas 1→2']);
    const seeking = replicaOf('od', 3, { phase: 'unassigned' });
    const created = poolOf([first, seeking], { desiredNodes: 3, instances });
    expect(short(commandsFor({ pool: created, wanted: 2 }))).toEqual([]);
    const bound = replicaOf('od', 3, { phase: 'starting', node: 'od-node-2', instanceId: 'od-i-2' });
    const settled = poolOf([first, bound], { desiredNodes: 3, instances });
    expect(short(commandsFor({ pool: settled, wanted: 2 }))).toEqual(['terminate od-i-1']);
  });

  it('does not lower desired capacity while a node is in use: AWS may be launching the rest, and would choose', () => {
    const pool = poolOf([first, second], { desiredNodes: 5 });
    expect(short(commandsFor({ pool, wanted: 2 }))).toEqual([]);
    const late = { instanceId: 'late', lifecycle: 'pending' as const };
    const launched = { ...pool, instances: [...pool.instances, late] };
    expect(short(commandsFor({ pool: launched, wanted: 2 }))).toEqual(['terminate late']);
  });

  it('cancels what was not launched when no node is in use', () => {
    const pool = poolOf([], { desiredNodes: 3 });
    expect(short(commandsFor({ pool, wanted: 0 }))).toEqual(['set-nodes 3→0']);
    const ending = poolOf([{ ...first, phase: 'terminating' }], { desiredReplicas: 0, desiredNodes: 3 });
    expect(short(commandsFor({ pool: ending, wanted: 0 }))).toEqual([]);
  });

  it('goes no lower than the group may', () => {
    const pool = poolOf([first, second, third], { replicas: [first], desiredReplicas: 1, minNodes: 2 });
    expect(short(commandsFor({ pool, wanted: 1 }))).toEqual(['terminate od-i-1']);
  });

  it('shrinks nothing while blind, and lets a drain that began be', () => {
    const marked = draining(1);
    const workers = [workerOf(marked, 'od', { state: 'draining' })];
    const pool = poolOf([first, marked, third], { desiredNodes: 5 });
    expect(short(commandsFor({ pool, workers, wanted: 1, blind: true }))).toEqual([]);
    expect(short(commandsFor({ pool, workers, wanted: 3, blind: true }))).toEqual(['cancel-drain od-1']);
  });
});

describe('a persistent pool', () => {
  const [first, second, third] = warmReplicas('od', 3) as [
    ReplicaObservation,
    ReplicaObservation,
    ReplicaObservation,
  ];

  it('gives up its highest ordinal, idle or not', () => {
    const workers = [workerOf(third, 'od', { busyQueue: 2 })];
    const pool = poolOf([third, first, second]);
    expect(short(commandsFor({ pool, workers, wanted: 2, kind: 'persistent' }))).toEqual(['drain od-2']);
  });

  it('waits for the highest ordinal although a lower one is done', () => {
    const marks = [draining(1), draining(2)] as const;
    const workers = [
      workerOf(marks[0], 'od', { state: 'draining' }),
      workerOf(marks[1], 'od', { state: 'draining', busyQueue: 1 }),
    ];
    const pool = poolOf([first, ...marks]);
    expect(short(commandsFor({ pool, workers, wanted: 1, kind: 'persistent' }))).toEqual([]);
    const idle = workers.map((worker) => ({ ...worker, busyQueue: 0 }));
    expect(short(commandsFor({ pool, workers: idle, wanted: 1, kind: 'persistent' }))).toEqual([
      'set-replicas 3→1',
    ]);
  });

  it('cancels the drain of the ordinal that stays', () => {
    const pool = poolOf([first, draining(1), draining(2)]);
    expect(short(commandsFor({ pool, wanted: 2, kind: 'persistent' }))).toEqual(['cancel-drain od-1']);
  });
});

describe('workers', () => {
  it('are forgotten when their replica is gone, not when it came back under the same name', () => {
    const gone = workerOf(replicaOf('od', 7), 'od');
    const reborn = workerOf({ ...replicaOf('od', 0), podUid: 'before' }, 'od');
    const elsewhere = workerOf(replicaOf('other', 1), 'other');
    const view = viewOf({ pool: poolOf(warmReplicas('od', 1)), workers: [gone, reborn, elsewhere] });
    expect(short(forgetWorkers(view))).toEqual(['forget-worker od-7']);
  });
});

describe('while an upgrade works on a pool', () => {
  const marked = (replicas: ReplicaObservation[], upgrade = { spareNodes: 1, replicas: 0 }) => ({
    ...poolOf(replicas),
    upgrade,
  });

  it('nothing of it shrinks, and drains are taken back', () => {
    const pool = marked([replicaOf('od', 0), draining(1)], { spareNodes: 0, replicas: 0 });
    expect(short(commandsFor({ pool, wanted: 0 }))).toEqual(['cancel-drain od-1']);
    expect(short(commandsFor({ pool: marked(warmReplicas('od', 2)), wanted: 0 }))).toEqual(['set-nodes 2→3']);
  });

  it("the canary's node is not taken for an empty one", () => {
    const pool = marked(warmReplicas('od', 2));
    pool.desiredNodes = 3;
    pool.instances.push({ instanceId: 'i-canary', lifecycle: 'in-service', node: 'canary-node' });
    expect(commandsFor({ pool, wanted: 2 })).toEqual([]);
    expect(short(commandsFor({ pool: { ...pool, upgrade: undefined } as never, wanted: 2 }))).toEqual([
      'terminate i-canary',
    ]);
  });

  it('it grows with the load, and by the replica that the upgrade asks for', () => {
    expect(short(commandsFor({ pool: marked(warmReplicas('od', 2)), wanted: 4 }))).toEqual([
      'set-replicas 2→4',
      'set-nodes 2→5',
    ]);
    const rolling = marked(warmReplicas('od', 2), { spareNodes: 0, replicas: 3 });
    expect(short(commandsFor({ pool: rolling, wanted: 1 }))).toEqual(['set-replicas 2→3', 'set-nodes 2→3']);
  });

  it('of a persistent pool the same', () => {
    const pool = marked(warmReplicas('od', 2), { spareNodes: 0, replicas: 0 });
    expect(commandsFor({ pool, wanted: 0, kind: 'persistent' })).toEqual([]);
  });
});
