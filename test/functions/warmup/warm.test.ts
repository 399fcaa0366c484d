import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UnavailableError } from '../../../adapters/errors.ts';
import type { Warmth } from '../../../core/protocol/warmup.ts';
import type { Look } from '../../../core/warmup/attempt.ts';
import { createHandler, handler } from '../../../functions/warmup/handler.ts';
import { warm } from '../../../functions/warmup/warm.ts';
import { askWorker } from '../../../functions/warmup/worker.ts';
import { FakePods } from '../../fakes/kubernetes.ts';
import { captured } from '../capture.ts';
import { context } from '../context.ts';

const NOW = 1_800_000_000;
const event = {
  ...{ fleet: 'cpu', pool: 'main', replica: 'cpu-main-0', podUid: 'uid-1', attempt: 'uid-1-first' },
  startedAt: NOW - 42.5,
};
const quiet = { info() {}, warn() {}, error() {} };

const warmth = (more: Partial<Warmth> = {}, model: Partial<Warmth['models'][number]> = {}): Warmth => ({
  ...{ v: 1, podUid: 'uid-1', workerId: 'w', state: 'loading', failures: 0, startedAt: NOW - 60, warmAt: 0 },
  models: [{ model: 'tiny', phase: 'loading', seconds: {}, ...model }],
  ...more,
});
const WARM: Look = {
  warmth: warmth({ state: 'warm' }, { phase: 'warm', seconds: { fill: 40, load: 8.04, firstToken: 0.5 } }),
};
const FULL = {
  kind: 'disk-full',
  reason: 'tiny needs 5 GB, there is room for 3 GB',
  retryable: false,
} as const;

function setUp(look: Look = WARM) {
  const pods = new FakePods();
  const pod = {
    fleet: 'cpu',
    name: 'cpu-main-0',
    uid: 'uid-1',
    pool: 'main',
    createdAt: NOW - 60,
    isTerminating: false,
    isRunning: true,
    containersReady: true,
    isReady: false,
    isGateOpen: false,
    ip: '127.0.5.1',
    node: 'node-0',
  };
  pods.items.push(pod);
  const asked: [string, string, string, number][] = [];
  const askFake = async (...args: [string, string, string, number]): Promise<Look> => {
    asked.push(args);
    return look;
  };
  return { pods, pod, asked, deps: { pods, askWorker: askFake, now: () => NOW, log: quiet } };
}

const progress = { rank: 0, bytes: 0, since: NOW - 30, at: NOW - 10, bytesPerSecond: 0, isNear: false };

describe('warm-up', () => {
  it('opens the gate of the very pod when its worker is warm, and notes what it took', async () => {
    const { pods, asked, deps } = setUp();

    expect(await warm(event, deps)).toMatchObject({ outcome: 'warm', waitSeconds: 0, error: '' });
    expect(asked).toEqual([['127.0.5.1', 'uid-1', 'uid-1-first', 2]]);
    const message = 'Every model has produced one token: fill 40.0 s, load 8.0 s, first token 0.5 s.';
    expect(pods.callsOf('openGate')).toEqual([['cpu-main-0', 'uid-1', NOW, message]]);
    expect(pods.callsOf('note')).toEqual([
      ['cpu-main-0', 'uid-1', { type: 'Normal', reason: 'Warm', message }, NOW],
    ]);
  });

  it('may be repeated: an open gate stays as it is', async () => {
    const { pods, deps } = setUp();
    await warm(event, deps);

    expect(await warm(event, deps)).toMatchObject({ outcome: 'warm' });
    expect(pods.callsOf('openGate')).toHaveLength(1);
    expect(pods.callsOf('note')).toHaveLength(1);
  });

  it('does not take an open gate for a warm worker: its server may have lost everything since', async () => {
    const { pod, deps } = setUp({ warmth: warmth() });
    pod.isGateOpen = true;

    expect(await warm(event, deps)).toMatchObject({ outcome: 'not-yet' });
  });

  it('leaves the gate shut while the worker is not warm, with how far it is', async () => {
    const { pod, deps } = setUp({
      warmth: warmth({}, { phase: 'filling', source: 'mirror', completedBytes: 2e9, totalBytes: 5e9 }),
    });

    expect(await warm({ ...event, progress: { ...progress, bytes: 1e9 } }, deps)).toMatchObject({
      outcome: 'not-yet',
      reason: 'tiny is filling from the mirror: 2.0 GB of 5.0 GB, about 30 s left',
      waitSeconds: 10,
      progress: { bytes: 2e9, bytesPerSecond: 1e8, since: NOW },
    });
    expect(pod.isGateOpen).toBe(false);
  });

  it('lets the worker hold its answer back only when it is nearly there', async () => {
    const { asked, deps } = setUp({ warmth: warmth() });
    const { progress: next } = await warm({ ...event, progress }, deps);
    await warm({ ...event, progress: next ?? undefined }, deps);

    expect(asked.map(([, , , seconds]) => seconds)).toEqual([0, 20]);
  });

  it('shuts the gate with the reason when the pod can’t get there', async () => {
    const { pods, pod, deps } = setUp({ warmth: warmth({}, { phase: 'failed', failure: FULL }) });
    pod.isGateOpen = true;

    expect(await warm({ ...event, progress }, deps)).toMatchObject({
      outcome: 'failed',
      error: 'disk-full',
      reason: FULL.reason,
    });
    expect(pod).toMatchObject({
      isGateOpen: false,
      warmupFailure: { at: NOW, kind: 'disk-full', reason: FULL.reason },
    });
    expect(pods.callsOf('note')).toEqual([
      [
        'cpu-main-0',
        'uid-1',
        { type: 'Warning', reason: 'WarmupFailed', message: `disk-full: ${FULL.reason}` },
        NOW,
      ],
    ]);
  });

  it('opens the gate though the event can’t be written', async () => {
    const { pods, pod, deps } = setUp();
    pods.fail('note');

    expect(await warm(event, deps)).toMatchObject({ outcome: 'warm' });
    expect(pod.isGateOpen).toBe(true);
  });

  it('waits for an address', async () => {
    const { pod, asked, deps } = setUp();
    pod.ip = '';

    expect(await warm(event, deps)).toMatchObject({
      outcome: 'not-yet',
      reason: expect.stringContaining('address'),
    });
    expect(asked).toEqual([]);
  });

  it.each([
    ['deleted', (s: ReturnType<typeof setUp>) => s.pods.items.pop()],
    ['another of the same name', (s: ReturnType<typeof setUp>) => (s.pod.uid = 'uid-2')],
    ['being deleted', (s: ReturnType<typeof setUp>) => (s.pod.isTerminating = true)],
  ])('says gone for a pod that is %s', async (_, change) => {
    const setup = setUp();
    change(setup);

    expect(await warm(event, setup.deps)).toMatchObject({
      outcome: 'gone',
      reason: expect.stringContaining('cpu-main-0'),
    });
    expect(setup.pods.callsOf('openGate')).toEqual([]);
  });

  it.each([
    ['opened', WARM],
    ['shut', { warmth: warmth({}, { phase: 'failed', failure: FULL }) }],
  ])('says gone when the pod was replaced before its gate is %s', async (_, look) => {
    const { pods, pod, deps } = setUp();
    const askAndReplace = async (): Promise<Look> => {
      pod.uid = 'uid-2';
      return look;
    };

    expect(await warm({ ...event, progress }, { ...deps, askWorker: askAndReplace })).toMatchObject({
      outcome: 'gone',
    });
    expect(pod.isGateOpen).toBe(false);
    expect(pods.callsOf('note')).toEqual([]);
  });

  it('two warm-ups of one pod open its gate once', async () => {
    const { pods, deps } = setUp();
    const outcomes = await Promise.all([warm(event, deps), warm({ ...event, attempt: 'other' }, deps)]);

    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['warm', 'warm']);
    expect(pods.items[0]).toMatchObject({ isGateOpen: true, gateOpenedAt: NOW });
  });

  it('fails, to be retried, when the Kubernetes API is out of reach', async () => {
    const { pods, deps } = setUp();
    pods.fail('get');

    await expect(warm(event, deps)).rejects.toBeInstanceOf(UnavailableError);
  });
});

describe('asking a worker', () => {
  let server: Server;
  let answer = { status: 200, body: '{}' };
  const seen: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.writeHead(answer.status).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  const ask = (port = (server.address() as AddressInfo).port) =>
    askWorker(port)('127.0.0.1', 'uid-1', 'uid-1-first', 3);

  it('says how warm it is, names the attempt, and takes fields that it does not know', async () => {
    answer = { status: 200, body: JSON.stringify({ ...warmth({ state: 'warm' }), later: 1 }) };
    expect(await ask()).toEqual({ warmth: warmth({ state: 'warm' }) });
    expect(seen.at(-1)).toBe('POST /warm?attempt=uid-1-first&wait=3');
  });

  it('keeps what can’t be understood', async () => {
    answer = { status: 500, body: 'oops' };
    expect(await ask()).toEqual({ silent: 'the worker answered 500: oops' });
  });

  it('hears no other pod at an address that was given again', async () => {
    answer = { status: 200, body: JSON.stringify(warmth({ state: 'warm', podUid: 'uid-9' })) };
    expect(await ask()).toEqual({ silent: expect.stringContaining('uid-9') });
  });

  it('says which worker was not reachable', async () => {
    // Port 1 on loopback: nobody listens.
    expect(await ask(1)).toEqual({
      silent: expect.stringMatching(/the worker at http:\/\/127.0.0.1:1\/warm is not reachable/),
    });
  });
});

describe('the exported handler', () => {
  const raw = { ...event, startedAt: new Date(NOW * 1000).toISOString(), progress: null };

  it('names the variable that is missing', async () => {
    const { error } = await captured(() => handler(raw, context));
    expect(error?.message).toContain('PADDOCK_CLUSTER');
  });

  it('refuses what is no warm-up', async () => {
    const { error } = await captured(() => handler({ fleet: 'cpu' }, context));
    expect(error).toMatchObject({ name: 'InvalidEvent', message: expect.stringContaining('podUid') });
  });

  it('logs and counts the outcome', async () => {
    const { deps } = setUp();
    const { result, lines } = await captured(() => createHandler(() => deps)(raw, context));

    expect(result).toMatchObject({ outcome: 'warm' });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'INFO', outcome: 'warm', replica: 'cpu-main-0' }),
    );
    expect(lines).toContainEqual(expect.objectContaining({ WarmUpsDone: 1, fleet: 'cpu' }));
  });

  it('takes up what it handed out', async () => {
    const { deps } = setUp({ warmth: warmth() });
    const { result } = await captured(() => createHandler(() => deps)(raw, context));
    const again = { ...raw, progress: (result as { progress: unknown }).progress };
    const { result: next } = await captured(() => createHandler(() => deps)(again, context));

    expect(next).toMatchObject({ outcome: 'not-yet' });
  });
});
