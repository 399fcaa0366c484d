import fc from 'fast-check';
import type { FailureKind } from '../../../core/protocol/warmup.ts';
import { decide, type FleetMemory, initialMemory } from '../../../core/scaling/decide.ts';
import type {
  Command,
  PoolPolicy,
  ReplicaObservation,
  WorkerObservation,
} from '../../../core/scaling/types.ts';
import { AT_ONCE, ATTEMPTS, attemptName } from '../../../core/warmup/replicas.ts';
import {
  instanceOf,
  NOW,
  policyOf,
  poolOf,
  poolPolicy,
  replicaOf,
  snapshotOf,
  workerOf,
} from '../scaling/fixtures.ts';

const cold = (index: number, more: Partial<ReplicaObservation> = {}): ReplicaObservation =>
  replicaOf('od', index, { phase: 'starting', awaitingWarmup: true, createdAt: NOW - 60, ...more });

const failure = (at: number, kind: FailureKind = 'load-failed') => ({ at, kind, reason: 'it broke' });

interface Scene {
  at?: number;
  replicas: ReplicaObservation[];
  workers?: WorkerObservation[];
  instances?: ReturnType<typeof instanceOf>[];
}

/** Ticks one scene after the other; the commands of each that are about warming. */
function play(scenes: Scene[], kind: PoolPolicy['kind'] = 'elastic', start: FleetMemory = initialMemory()) {
  let memory = start;
  return scenes.map(({ at = NOW, replicas, workers, instances }) => {
    const pool = poolOf(replicas, { maxNodes: 300, ...(instances && { instances }) });
    const policy = policyOf([poolPolicy({ min: replicas.length, kind, max: 300 })], {
      minReplicas: replicas.length,
      maxReplicas: 300,
    });
    const heard = workers ?? replicas.map((replica) => workerOf(replica, 'od', { renewedAt: at }));
    const decision = decide(snapshotOf({ at, pools: { od: pool }, workers: heard }), policy, memory);
    memory = decision.memory;
    const commands = decision.plan.commands.filter(({ kind }) =>
      ['warm-up', 'replace-pod', 'recycle-node'].includes(kind),
    );
    return { commands, plan: decision.plan, memory };
  });
}

const short = (commands: Command[]): string[] =>
  commands.map((command) =>
    command.kind === 'warm-up'
      ? `${command.kind} ${command.attempt}`
      : `${command.kind} ${'replica' in command ? command.replica : ''}`,
  );

/** A pod that fails `times` attempts, each as soon as it is asked for; the commands up to that. */
function failing(times: number, kind: FailureKind, pool: PoolPolicy['kind'] = 'elastic') {
  const scenes: Scene[] = [{ replicas: [cold(0)] }];
  let at = NOW;
  for (let count = 1; count <= times; count += 1) {
    const failedAt = at + 5;
    at += 700;
    scenes.push({ at: failedAt + 5, replicas: [cold(0, { warmupFailure: failure(failedAt, kind) })] });
    scenes.push({ at, replicas: [cold(0, { warmupFailure: failure(failedAt, kind) })] });
  }
  return play(scenes, pool).flatMap(({ commands }) => short(commands));
}

describe('replicas that are not warm', () => {
  it('are warmed up when they answer and are not drained, once in half a minute', () => {
    const leaving = cold(1, { phase: 'draining', drainDeadline: NOW + 100 });
    const silent = cold(2, { awaitingWarmup: false });
    const replicas = [cold(0), leaving, silent];
    const told = play([{ replicas }, { at: NOW + 5, replicas }, { at: NOW + 31, replicas }]);
    expect(told.map(({ commands }) => short(commands))).toEqual([
      ['warm-up od-uid-0-first'],
      [],
      ['warm-up od-uid-0-first'],
    ]);
  });

  it('are warmed again when their worker has lost its models though the gate is open', () => {
    const lost = replicaOf('od', 0, { phase: 'starting', unreadySince: NOW - 3 });
    lost.warmAt = NOW - 500;
    const worker = workerOf(lost, 'od', { state: 'loading' });
    const [tick] = play([{ replicas: [lost], workers: [worker] }]);
    expect(short(tick?.commands ?? [])).toEqual([`warm-up od-uid-0-again-${NOW - 3}`]);
    expect(tick?.plan.cold).toMatchObject([
      { replica: 'od-0', reason: expect.stringContaining('lost its models') },
    ]);
  });

  it('say when their worker was last heard of, if it falls silent while it is warm', () => {
    const gone = replicaOf('od', 0, { phase: 'starting' });
    gone.warmAt = NOW - 500;
    const opening = cold(1);
    const workers = [gone, opening].map((one) => workerOf(one, 'od', { state: 'warm', renewedAt: NOW - 40 }));
    const [tick] = play([{ replicas: [gone, opening], workers }]);
    expect(tick?.plan.cold?.map(({ reason }) => reason)).toEqual([
      'its gate is open, its pod is not Ready; its worker was last heard of 40 s ago',
      'its worker is warm, its gate is about to open',
    ]);
  });

  it('are warmed so many at once, oldest first; one whose worker is warm waits for nobody', () => {
    const many = Array.from({ length: 120 }, (_, index) => cold(index, { createdAt: NOW - 200 + index }));
    const workers = many.map((replica, index) =>
      workerOf(replica, 'od', index === 119 ? { state: 'warm' } : {}),
    );
    const [tick] = play([{ replicas: many, workers }]);
    const asked = short(tick?.commands ?? []);
    expect(asked).toHaveLength(AT_ONCE + 1);
    expect(asked[0]).toBe('warm-up od-uid-119-first');
    expect(asked).toContain('warm-up od-uid-0-first');
    expect(tick?.plan.cold).toHaveLength(120);
  });

  it('are tried again after a pause that grows, and say why', () => {
    const at = NOW + 100;
    const failed = [cold(0, { warmupFailure: failure(at, 'source-unavailable') })];
    const told = play([
      { replicas: [cold(0)] },
      { at: at + 5, replicas: failed },
      { at: at + 31, replicas: failed },
    ]);
    expect(told.map(({ commands }) => short(commands))).toEqual([
      ['warm-up od-uid-0-first'],
      [],
      [`warm-up od-uid-0-after-${at}`],
    ]);
    expect(told[1]?.plan.reasons.find(({ rule }) => rule === 'warm-up')).toMatchObject({
      text: "od-0 can't be warmed: source-unavailable: it broke. The next attempt begins in 25 s.",
      numbers: { failures: 1, retryInSeconds: 25 },
    });
  });

  it('are not kept waiting for a pause once their worker says that it is warm', () => {
    const replicas = [cold(0, { warmupFailure: failure(NOW - 1) })];
    const workers = [workerOf(replicas[0] as ReplicaObservation, 'od', { state: 'warm' })];
    const [tick] = play([{ replicas, workers }]);
    expect(tick?.commands).toHaveLength(1);
  });
});

describe('a replica that can’t be warmed', () => {
  it('is replaced after its last attempt', () => {
    const commands = failing(ATTEMPTS, 'load-failed');
    expect(commands.slice(0, ATTEMPTS).join()).not.toContain('replace');
    expect(commands[ATTEMPTS]).toBe('replace-pod od-0');
    expect(failing(ATTEMPTS - 1, 'load-failed').join()).not.toContain('replace');
  });

  it.each(['no-such-model', 'source-unavailable', 'source-refused'] as const)(
    'is not replaced for what another would fail of as well: %s',
    (kind) => {
      const commands = failing(6, kind);
      expect(commands.join()).not.toContain('replace');
      expect(commands).toHaveLength(7);
    },
  );

  it.each(['disk-full', 'checksum-mismatch'] as const)(
    'is not replaced where its volume would come back: %s',
    (kind) => {
      expect(failing(6, kind, 'persistent').join()).not.toContain('replace');
      expect(failing(ATTEMPTS, kind, 'elastic').join()).toContain('replace');
    },
  );

  const given = (index: number, node: number, at: number) =>
    cold(index, { node: `n-${node}`, instanceId: `i-${node}`, createdAt: NOW, warmupFailure: failure(at) });
  const tired = (uid: string, memory: FleetMemory): FleetMemory => ({
    ...memory,
    warmUps: { [uid]: { asked: '', askedAt: 0, failures: ATTEMPTS, failedAt: NOW + 1 } },
  });

  it('takes its node with it when the pod before it on the node failed as well', () => {
    const [first] = play(
      [{ at: NOW + 10, replicas: [given(0, 7, NOW + 1)] }],
      'elastic',
      tired('od-uid-0', initialMemory()),
    );
    expect(short(first?.commands ?? [])).toEqual(['replace-pod od-0']);
    const [second] = play(
      [{ at: NOW + 4000, replicas: [given(1, 7, NOW + 1)] }],
      'elastic',
      tired('od-uid-1', first?.memory ?? initialMemory()),
    );
    expect(second?.commands).toMatchObject([{ kind: 'recycle-node', instanceId: 'i-7', replica: 'od-1' }]);
    const [elsewhere] = play(
      [{ at: NOW + 4000, replicas: [given(1, 8, NOW + 1)] }],
      'elastic',
      tired('od-uid-1', first?.memory ?? initialMemory()),
    );
    expect(short(elsewhere?.commands ?? [])).toEqual(['replace-pod od-1']);
  });

  it('is left to its node when that is going already', () => {
    const replica = given(0, 7, NOW + 1);
    const instances = [{ ...instanceOf(replica), lifecycle: 'terminating' as const }];
    const [tick] = play(
      [{ at: NOW + 10, replicas: [replica], instances }],
      'elastic',
      tired('od-uid-0', initialMemory()),
    );
    expect(short(tick?.commands ?? []).join()).not.toContain('replace');
  });

  it('goes alone: others of the pool wait, longer each time, until one turned warm', () => {
    const pair = [given(0, 1, NOW + 1), given(1, 2, NOW + 1)];
    const start = {
      ...initialMemory(),
      warmUps: Object.fromEntries(
        pair.map(({ podUid }) => [podUid, { asked: '', askedAt: 0, failures: ATTEMPTS, failedAt: NOW + 1 }]),
      ),
    };
    const told = play(
      [
        { at: NOW + 10, replicas: pair },
        { at: NOW + 30, replicas: pair.slice(1) },
        { at: NOW + 71, replicas: pair.slice(1) },
      ],
      'elastic',
      start,
    );
    expect(told.map(({ commands }) => short(commands).filter((text) => text.startsWith('replace')))).toEqual([
      ['replace-pod od-0'],
      [],
      ['replace-pod od-1'],
    ]);
    expect(told[2]?.memory.replacements.od?.count).toBe(2);
    const warm = replicaOf('od', 3, { warmAt: NOW + 80 });
    const [after] = play([{ at: NOW + 90, replicas: [warm] }], 'elastic', told[2]?.memory);
    expect(after?.memory.replacements).toEqual({});
  });

  it('is replaced when its worker never came up, with what the kubelet says', () => {
    const stuck = cold(0, {
      ...{
        awaitingWarmup: false,
        boundAt: NOW,
        createdAt: NOW,
        waitingFor: 'worker: ImagePullBackOff: no such image',
      },
    });
    const told = play([
      { at: NOW + 600, replicas: [stuck], workers: [] },
      { at: NOW + 1300, replicas: [stuck], workers: [] },
    ]);
    expect(told.map(({ commands }) => short(commands))).toEqual([[], ['replace-pod od-0']]);
    expect(told[0]?.plan.cold).toMatchObject([{ reason: 'worker: ImagePullBackOff: no such image' }]);
  });

  it('does not count for the lead time', () => {
    const told = play([
      { replicas: [cold(0)] },
      { at: NOW + 500, replicas: [cold(0, { warmupFailure: failure(NOW + 400) })] },
      { at: NOW + 900, replicas: [replicaOf('od', 0, { createdAt: NOW - 60, warmAt: NOW + 890 })] },
    ]);
    expect(told[2]?.memory.pools.od?.leadSeconds).toBe(0);
  });
});

describe('attempts', () => {
  it('have names that stay for all ticks of an attempt, change after each failure and long silence, and fit', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.option(fc.nat(100_000), { nil: 0 }), fc.nat(4), (age, failed, step) => {
        const replica = cold(0, { podUid: '0'.repeat(36), createdAt: NOW });
        const failedAt = failed > 0 ? NOW + failed : 0;
        const at = Math.max(NOW + age, failedAt);
        const name = attemptName(replica, failedAt, at);
        expect(name.length).toBeLessThanOrEqual(80);
        expect(name).toMatch(/^[\w-]+$/);
        // However long it lasts, silence makes only a handful of attempts.
        const names = new Set(
          Array.from({ length: 200 }, (_, index) => attemptName(replica, failedAt, at + index * 100 * step)),
        );
        return names.size <= 12 && attemptName(replica, failedAt, at) === name;
      }),
    );
  });

  it('after a lost memory go on from what the pod itself says', () => {
    const replica = cold(0, { warmupFailure: failure(NOW - 100) });
    expect(attemptName(replica, 0, NOW)).toBe(`od-uid-0-after-${NOW - 100}`);
  });
});
