import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ModelOrders, type ModelReport, noOrders } from '../../../core/protocol/models.ts';
import { SyntheticServer } from '../../../local/model-server/server.ts';
import { ModelDesk } from '../../../worker/models/desk.ts';
import { quiet } from '../fakes.ts';
import { until } from '../harness.ts';
import { ModelsRig, weightsOf } from './rig.ts';

const rig = new ModelsRig();
let server: SyntheticServer;
let pods = 0;
let orders: ModelOrders;
let isWarm: boolean;
let reports: ModelReport[];
let now: number;

beforeAll(() => rig.start());
afterAll(() => rig.stop());
beforeEach(() => {
  orders = noOrders();
  isWarm = true;
  reports = [];
  now = 1_000_000;
  rig.registry.fault = () => undefined;
  rig.registry.asked.length = 0;
});
afterEach(() => server.close());

/** A desk that looks when it is told to. */
async function desk() {
  pods += 1;
  const host = `127.46.0.${pods}`;
  const disk = join(rig.dir, `desk-${pods}`);
  const spec = { pod: 'p', host, port: 11434, models: [], slots: 1, loadableAt: 0, disk };
  server = new SyntheticServer(spec, () => {});
  await server.listen();
  const { cache, uses, names } = await rig.pod({
    host,
    url: `http://${host}:11434`,
    disk,
    stop: async () => {},
  });
  const look = new ModelDesk({
    ...{ cache, uses, log: quiet, sleep: async () => {}, now: () => now, isWarm: () => isWarm },
    desk: { orders: async () => orders, report: async (report) => void reports.push(report) },
    ...{ pod: { pod: 'p', podUid: 'u', pool: 'main' }, warmth: () => [] },
  });
  const turnsUntil = (check: () => Promise<boolean>) =>
    until(async () => {
      await look.turn();
      return await check();
    });
  return { look, names, turnsUntil };
}

const order = (more: Partial<ModelOrders>) => {
  orders = { ...orders, at: orders.at + 1, ...more };
};
const phase = (model: string) => reports.at(-1)?.models.find((one) => one.model === model)?.phase;

describe("orders about a pod's models", () => {
  it('wait until the pod is warm', async () => {
    const { look, names, turnsUntil } = await desk();
    isWarm = false;
    order({ extra: ['early:latest'] });
    await look.turn();
    expect(rig.registry.asked).toEqual([]);
    isWarm = true;

    await turnsUntil(async () => (await names()).includes('early:latest'));
  });

  it('to drop a model that waits leave the fill of another alone', async () => {
    const { look, names, turnsUntil } = await desk();
    const gate = Promise.withResolvers<void>();
    rig.registry.fault = async () => {
      await gate.promise;
      return undefined;
    };
    order({ extra: ['fills:latest', 'waits:latest'] });
    const begun = () => rig.registry.asked.filter((what) => what === `blob ${weightsOf('fills')}`).length;
    await turnsUntil(async () => begun() === 1);
    order({ extra: ['fills:latest'], removed: ['waits:latest'] });
    await look.turn();
    gate.resolve();

    // The name under which it was filled goes last.
    await turnsUntil(async () => (await names()).join() === 'fills:latest');
    expect(begun()).toBe(1);
  });

  it('to drop a model stop its own fill', async () => {
    const { names, turnsUntil } = await desk();
    rig.registry.fault = () => new Promise(() => {});
    order({ extra: ['unwanted:latest'] });
    await turnsUntil(async () => rig.registry.asked.includes(`blob ${weightsOf('unwanted')}`));
    order({ extra: [], removed: ['unwanted:latest'] });

    await turnsUntil(async () => reports.at(-1)?.models.length === 0);
    expect(await names()).toEqual([]);
  });

  it('that can not be carried out say why, rest, and begin again with the next order', async () => {
    const { look, names, turnsUntil } = await desk();
    rig.registry.fault = () => ({ status: 500 });
    order({ extra: ['late:latest'] });
    await turnsUntil(async () => phase('late:latest') === 'failed');
    rig.registry.fault = () => undefined;
    const asked = rig.registry.asked.length;
    await look.turn();
    expect(rig.registry.asked).toHaveLength(asked);
    order({});

    await turnsUntil(async () => (await names()).includes('late:latest'));
  });
});
