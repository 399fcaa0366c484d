import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { LABEL, NAMESPACE } from '../../../core/protocol/names.ts';
import { APP_ROUTER } from '../../../workloads/names.ts';
import { describeWithNginx } from '../../workloads/router/with-nginx.ts';
import { BUILD_TIMEOUT_MS } from '../cluster/support.ts';
import { FLEET, MODEL } from '../system/config.ts';
import { TestSystem } from '../system/fixture.ts';

const messages = [{ role: 'user' as const, content: 'Explain quantum computing in one sentence.' }];

describeWithNginx('the router of the local system', () => {
  let t: TestSystem;
  let core: CoreV1Api;
  let gateway: OpenAI;
  /** The first request to a fleet for which nothing ticks and that no trigger wakes. */
  let first: { id: string; submittedAt: number; answeredAt: number };

  beforeAll(async () => {
    t = await TestSystem.start();
    const config = new KubeConfig();
    config.loadFromFile(t.system.cluster.kubeconfigPath);
    core = config.makeApiClient(CoreV1Api);
    const { url: baseURL = '', apiKey } = t.system.gateway ?? {};
    gateway = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey, maxRetries: 0 });
    const submittedAt = Date.now();
    const { id } = await submit(gateway);
    first = { id, submittedAt, answeredAt: Date.now() };
    await t.whenSettledAt(1);
    await t.until('the router pods', () => t.system.router.urls.length === 2);
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await t?.stop();
  });

  const submit = (client: OpenAI) =>
    client.responses.create({ model: MODEL, input: 'Why?', background: true, max_output_tokens: 20 });
  const answered = async (client: OpenAI, id: string) => {
    let { status } = await client.responses.retrieve(id);
    while (status === 'queued' || status === 'in_progress') {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ({ status } = await client.responses.retrieve(id));
    }
    return status;
  };
  /** As a person starts the scale machine. */
  const wake = (): void => {
    const { engine } = t.system;
    const machine = engine.machines.find(({ type }) => type === 'EXPRESS');
    engine.start(
      machine?.arn ?? '',
      crypto.randomUUID(),
      JSON.stringify({ fleet: FLEET, trigger: 'manual' }),
    );
  };
  const routers = async (): Promise<V1Pod[]> => {
    const labelSelector = `${LABEL.app}=${APP_ROUTER}`;
    return (await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector })).items;
  };
  const url = (): string => t.system.router.urls[0] as string;
  /** As Ollama's users do while no replica is warm; workers of an Nginx that has just reloaded may still think so. */
  const onceWarm = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Error && error.message.includes('no replica is warm'))) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };

  it('serves a fleet that the gateway woke: its first request started the scale machine before it had its answer', async () => {
    const execution = t.executions().at(-1);
    expect(JSON.parse(execution?.input ?? '{}')).toEqual({ fleet: FLEET, trigger: 'gateway' });
    expect(execution?.startedAt).toBeGreaterThanOrEqual(first.submittedAt);
    expect(execution?.startedAt).toBeLessThanOrEqual(first.answeredAt);
    expect(t.seen.plans[0]).toMatchObject({ trigger: 'gateway', execution: execution?.arn });
    expect(await answered(gateway, first.id)).toBe('completed');
  });

  it('stands on the system nodes, where the scheduler has put it, and is ready', async () => {
    const pods = await routers();
    expect(pods).toHaveLength(2);
    for (const pod of pods) {
      const node = await core.readNode({ name: pod.spec?.nodeName ?? '' });
      expect(node.metadata?.labels).toMatchObject({ 'paddock.dev/role': 'system' });
      expect(pod.status?.conditions).toContainEqual(
        expect.objectContaining({ type: 'Ready', status: 'True' }),
      );
    }
  });

  it("streams an answer to Ollama's own client", async () => {
    const ollama = new Ollama({ host: url() });
    const parts: string[] = [];
    const chat = () => ollama.chat({ model: MODEL, messages, stream: true });
    for await (const part of await onceWarm(chat)) parts.push(part.message.content);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.join('')).not.toBe('');
    expect((await onceWarm(() => ollama.list())).models.map(({ name }) => name)).toContain(MODEL);
    await expect(ollama.pull({ model: 'other' })).rejects.toThrow(/not served here/);
  });

  it("streams an answer to OpenAI's client, by the fleet's own path", async () => {
    const openai = new OpenAI({ baseURL: `${url()}/fleets/${FLEET}/v1`, apiKey: 'none', maxRetries: 0 });
    const chat = () => openai.chat.completions.create({ model: MODEL, messages, stream: true });
    const stream = await onceWarm(chat);
    let chunks = 0;
    for await (const _chunk of stream) chunks += 1;
    expect(chunks).toBeGreaterThan(1);
  });

  it('brings its load to the scaler, and goes to the replicas that it adds', async () => {
    let isOver = false;
    const client = async () => {
      while (!isOver) {
        const body = JSON.stringify({ model: MODEL, messages, stream: false });
        const answer = await fetch(`${t.system.router.urls[1]}/api/chat`, { method: 'POST', body });
        await answer.text();
        // As it is told.
        if (answer.status !== 200) await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    const clients = [client(), client(), client()];
    const scaled = t.nextPlan('interactive load', ({ plan }) =>
      plan.reasons.some(({ rule }) => rule === 'interactive-load'),
    );
    wake();
    expect((await scaled).plan.reasons).toContainEqual(
      expect.objectContaining({ text: expect.stringMatching(/serve interactive requests/) }),
    );
    const servers = () => new Set(t.seen.models.map(({ pod }) => pod));
    await t.until('requests at two replicas', () => servers().size > 1);
    isOver = true;
    await Promise.all(clients);
  });

  it('sends whom it refuses to the queued path of this system, which does the work', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => fetch(`${url()}/api/tags`)));
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    const link = /^<([^>]+)>; rel="alternate"; title="queue"$/.exec(refused?.headers.get('link') ?? '')?.[1];
    expect(link).toBe(`${t.system.gateway?.url}/v1/responses`);

    const baseURL = new URL('.', link).href.replace(/\/$/, '');
    const followed = new OpenAI({ baseURL, apiKey: t.system.gateway?.apiKey });
    expect(await answered(followed, (await submit(followed)).id)).toBe('completed');
  });

  it('is replaced when it goes', async () => {
    const [gone] = await routers();
    const before = [...t.system.router.urls];
    await core.deleteNamespacedPod({ namespace: NAMESPACE, name: gone?.metadata?.name ?? '' });
    await t.until('another router', () => {
      const { urls } = t.system.router;
      return urls.length === 2 && urls.some((one) => !before.includes(one));
    });
    for (const one of t.system.router.urls) expect((await fetch(`${one}/healthz`)).status).toBe(200);
  });
});
