import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UnavailableError } from '../../../adapters/errors.ts';
import { createHandler, handler } from '../../../functions/warmup/handler.ts';
import { warm } from '../../../functions/warmup/warm.ts';
import { askWorker, type WorkerAnswer } from '../../../functions/warmup/worker.ts';
import { FakePods } from '../../fakes/kubernetes.ts';
import { captured } from '../capture.ts';
import { context } from '../context.ts';

const NOW = 1_800_000_000;
const event = { fleet: 'cpu', pool: 'main', replica: 'cpu-main-0', podUid: 'uid-1', startedAt: NOW - 42.5 };

function setUp(worker: WorkerAnswer = { warm: true }) {
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
  const asked: string[] = [];
  const askFake = async (ip: string): Promise<WorkerAnswer> => {
    asked.push(ip);
    return worker;
  };
  return { pods, pod, asked, deps: { pods, askWorker: askFake, now: () => NOW } };
}

describe('warm-up', () => {
  it('opens the gate of the very pod when its worker is warm', async () => {
    const { pods, asked, deps } = setUp();

    expect(await warm(event, deps)).toEqual({
      outcome: 'warm',
      reason: 'every model has produced one token',
      waitedSeconds: 42,
    });
    expect(asked).toEqual(['127.0.5.1']);
    expect(pods.callsOf('openGate')).toEqual([['cpu-main-0', 'uid-1', NOW, expect.any(String)]]);
  });

  it('may be repeated: an open gate stays as it is', async () => {
    const { pods, asked, deps } = setUp();
    await warm(event, deps);

    expect(await warm(event, deps)).toMatchObject({ outcome: 'warm' });
    expect(pods.callsOf('openGate')).toHaveLength(1);
    expect(asked).toHaveLength(1);
  });

  it('leaves the gate shut while the worker is not warm, with the worker’s word', async () => {
    const { pod, deps } = setUp({ warm: false, reason: 'the worker answered 503: loading' });

    expect(await warm(event, deps)).toMatchObject({
      outcome: 'not-yet',
      reason: 'the worker answered 503: loading',
    });
    expect(pod.isGateOpen).toBe(false);
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

  it('says gone when the pod was replaced while the worker was asked', async () => {
    const { pod, deps } = setUp();
    const askAndReplace = async (): Promise<WorkerAnswer> => {
      pod.uid = 'uid-2';
      return { warm: true };
    };

    expect(await warm(event, { ...deps, askWorker: askAndReplace })).toMatchObject({ outcome: 'gone' });
    expect(pod.isGateOpen).toBe(false);
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
  const port = () => (server.address() as AddressInfo).port;

  it('takes 200 for warm', async () => {
    answer = { status: 200, body: '{"state":"warm"}' };
    expect(await askWorker(port(), 3)('127.0.0.1')).toEqual({ warm: true });
    expect(seen.at(-1)).toBe('POST /warm?wait=3');
  });

  it('keeps the state of a 503', async () => {
    answer = { status: 503, body: '{"state":"loading"}' };
    expect(await askWorker(port(), 0)('127.0.0.1')).toEqual({
      warm: false,
      reason: 'the worker answered 503: {"state":"loading"}',
    });
  });

  it('says which worker was not reachable', async () => {
    // Port 1 on loopback: nobody listens.
    expect(await askWorker(1, 0)('127.0.0.1')).toEqual({
      warm: false,
      reason: expect.stringMatching(/the worker at http:\/\/127.0.0.1:1\/warm\?wait=0 is not reachable/),
    });
  });
});

describe('the exported handler', () => {
  const raw = { ...event, startedAt: new Date(NOW * 1000).toISOString() };

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
});
