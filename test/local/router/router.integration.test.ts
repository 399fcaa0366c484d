import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { LABEL, NAMESPACE } from '../../../core/protocol/names.ts';
import { APP_ROUTER } from '../../../workloads/names.ts';
import { describeWithNginx } from '../../workloads/router/with-nginx.ts';
import { BUILD_TIMEOUT_MS } from '../cluster/support.ts';
import { FLEET, MODEL } from '../system/config.ts';
import { TestSystem } from '../system/fixture.ts';

jest.setTimeout(90_000);

const messages = [{ role: 'user' as const, content: 'Explain quantum computing in one sentence.' }];

describeWithNginx('the router of the local system', () => {
  let t: TestSystem;
  let core: CoreV1Api;

  beforeAll(async () => {
    t = await TestSystem.start();
    const config = new KubeConfig();
    config.loadFromFile(t.system.cluster.kubeconfigPath);
    core = config.makeApiClient(CoreV1Api);
    wake();
    await t.whenSettledAt(1, 60);
    await t.until('the router pods', () => t.system.router.urls.length === 2);
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    await t?.stop();
  });

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
  /** Retries what comes before Nginx has taken the new replica over. */
  const whenServed = async (): Promise<void> => {
    const chat = () => fetch(`${url()}/api/tags`).then(({ ok }) => ok);
    while (!(await chat())) await new Promise((resolve) => setTimeout(resolve, 100));
  };

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
    await whenServed();
    const ollama = new Ollama({ host: url() });
    const parts: string[] = [];
    for await (const part of await ollama.chat({ model: MODEL, messages, stream: true }))
      parts.push(part.message.content);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.join('')).not.toBe('');
    expect((await ollama.list()).models.map(({ name }) => name)).toContain(MODEL);
    await expect(ollama.pull({ model: 'other' })).rejects.toThrow(/not served here/);
  });

  it("streams an answer to OpenAI's client, by the fleet's own path", async () => {
    const openai = new OpenAI({ baseURL: `${url()}/fleets/${FLEET}/v1`, apiKey: 'none', maxRetries: 0 });
    const stream = await openai.chat.completions.create({ model: MODEL, messages, stream: true });
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
    await t.until('requests at two replicas', () => servers().size > 1, 60);
    isOver = true;
    await Promise.all(clients);
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
