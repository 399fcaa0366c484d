import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { parseModelName } from '../../core/protocol/model-names.ts';
import { layersOf } from '../../core/protocol/models.ts';
import type { Warmth } from '../../core/protocol/warmup.ts';
import type { ServerEvent } from '../../local/model-server/types.ts';
import {
  type RegistryStandIn,
  type StandInOptions,
  startRegistryStandIn,
} from '../../local/registry/stand-in.ts';
import { Attempts, knock } from '../functions/warmup/attempts.ts';
import { until, WorkerBench, type WorkerProcess } from '../worker/harness.ts';
import { type SmallDisk, smallDisk } from '../worker/models/small-disk.ts';

export interface FaultyServer {
  /** Kills it; it is back at once, with nothing in memory. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface FaultSubject {
  /**
   * A model server at port 11434 of an address, with an empty disk.
   * @param events of what it sees, where it tells
   * @param dir for its logs
   */
  start(host: string, disk: string, events: ServerEvent[], dir: string): Promise<FaultyServer>;
  registry: StandInOptions;
  /** That the registry has. */
  model: string;
  /** Of a network with 255 addresses that no other suite uses: `127.44.0`. */
  network: string;
}

/** A pod whose warm-up is harmed: the real worker, a model server, and a registry over HTTP. */
interface Pod {
  worker: WorkerProcess;
  server: FaultyServer;
  attempts: Attempts;
  knocking: ReturnType<typeof knock>;
}

/** What goes wrong while a new pod fills, loads and answers: it ends warm or says why not, and is never Ready but cold. */
export function warmUpFaultsContract(name: string, subject: FaultSubject): void {
  describe(`a warm-up with ${name}`, () => {
    const { model } = subject;
    let bench: WorkerBench;
    let registry: RegistryStandIn;
    let weights: { digest: string; bytes: number };
    let pod: Pod | undefined;
    let pods = 0;

    beforeAll(async () => {
      bench = new WorkerBench();
      await bench.start();
      registry = await startRegistryStandIn(subject.registry);
      const { namespace, model: own, tag } = parseModelName(model);
      const manifest = await fetch(`${registry.url}/v2/${namespace}/${own}/manifests/${tag}`);
      const [largest] = layersOf(await manifest.text()).sort((a, b) => b.bytes - a.bytes);
      weights = largest as typeof weights;
    });
    afterAll(async () => {
      await bench.stop();
      await registry.stop();
    });
    afterEach(async () => {
      await pod?.knocking.stop();
      registry.fault = () => undefined;
      pod = undefined;
    });

    async function start(disk?: string): Promise<Pod> {
      pods += 1;
      const host = `${subject.network}.${pods}`;
      const own = `pod-${pods}`;
      const folder = disk ?? join(bench.dir, 'disks', own);
      const server = await subject.start(host, folder, bench.events, bench.dir);
      const env = {
        ...{ PADDOCK_MODELS: model, PADDOCK_SERVED_MODELS: model, PADDOCK_REGISTRY_URL: registry.url },
      };
      const spec = { host, slots: 1, models: [model], disk: folder };
      const worker = bench.startWorkerAt(own, spec, env, () => server.stop());
      await until(async () => (await fetch(`${worker.url}/healthz`).catch(() => undefined))?.status === 200);
      pod = {
        ...{ worker, server, attempts: new Attempts(own, worker) },
        knocking: knock(worker, model),
      };
      return pod;
    }

    const warmth = async ({ worker }: Pod): Promise<Warmth['models'][number]> => {
      const answer = await fetch(`${worker.url}/warm`);
      return ((await answer.json()) as Warmth).models[0] as Warmth['models'][number];
    };

    /** Nobody was served, and nothing says that anybody could be. */
    async function expectCold({ worker, attempts, knocking }: Pod): Promise<void> {
      await until(() => knocking.statuses.length > 0);
      expect(attempts.isGateOpen).toBe(false);
      expect((await fetch(`${worker.url}/readyz`)).status).toBe(503);
      expect(new Set(knocking.statuses)).toEqual(new Set([503]));
    }

    async function expectWarm({ worker, attempts, knocking }: Pod): Promise<void> {
      expect(attempts.isGateOpen).toBe(true);
      const before = knocking.statuses.length;
      await until(() => knocking.statuses.slice(before).includes(200));
      expect((await fetch(`${worker.url}/readyz`)).status).toBe(200);
      expect(bench.events.filter(({ kind }) => kind === 'cold')).toEqual([]);
    }

    /** The fill stands in the middle until `go`: the first answer breaks off, the next is held back. */
    function holdFill(): { isHeld: () => boolean; go: () => void; froms: number[] } {
      const gate = Promise.withResolvers<void>();
      const froms: number[] = [];
      // Less than any of the parts that Ollama fetches at the same time.
      const cut = Math.floor(weights.bytes / 10);
      registry.fault = async (digest, from) => {
        if (digest !== weights.digest) return undefined;
        froms.push(from);
        if (froms.length === 1) return { cutAfterBytes: cut };
        await gate.promise;
        return undefined;
      };
      const isHeld = () => froms.some((from) => from > (froms[0] ?? 0) && from <= (froms[0] ?? 0) + cut);
      return { isHeld, go: gate.resolve, froms };
    }

    it('that breaks off again and again goes on each time, and ends warm', async () => {
      const cuts = [0, weights.bytes / 3, weights.bytes / 2].map(Math.floor);
      const froms: number[] = [];
      registry.fault = (digest, from) => {
        if (digest !== weights.digest) return undefined;
        froms.push(from);
        const cutAfterBytes = cuts.shift();
        return cutAfterBytes === undefined ? undefined : { cutAfterBytes };
      };
      const cut = await start();
      const end = cut.attempts.run('first');
      await until(() => cuts.length === 0);
      await expectCold(cut);

      expect(await end).toBe('warm');
      await expectWarm(cut);
      expect(Math.max(...froms)).toBeGreaterThan(0);
    });

    it('that gets wrong content throws it away, says so, and ends warm', async () => {
      let isSpoiled = true;
      const gate = Promise.withResolvers<void>();
      registry.fault = async (digest, from) => {
        if (digest !== weights.digest) return undefined;
        if (isSpoiled) return { spoil: true };
        if (from === 0) await gate.promise;
        return undefined;
      };
      const spoiled = await start();
      const end = spoiled.attempts.run('first');
      await until(async () => (await warmth(spoiled)).failure?.kind === 'checksum-mismatch');
      isSpoiled = false;
      await expectCold(spoiled);
      gate.resolve();

      expect(await end).toBe('warm');
      await expectWarm(spoiled);
    });

    it('whose model server is killed in the middle of the fill goes on from there', async () => {
      const { isHeld, go, froms } = holdFill();
      const killed = await start();
      const end = killed.attempts.run('first');
      await until(isHeld);
      const before = froms.length;
      await killed.server.restart();
      await until(async () => (await warmth(killed)).failure?.kind === 'server-gone');
      await expectCold(killed);
      go();

      expect(await end).toBe('warm');
      await expectWarm(killed);
      // Where the part began that was cut off: what of it had come is not fetched again. Ollama fetches several at once.
      expect(froms.slice(before)).not.toContain(froms[0]);
    });

    it('whose caller runs out of time, and that two then ask for at once, fills and answers once', async () => {
      const { isHeld, go, froms } = holdFill();
      const asked = await start();
      await until(isHeld);
      const timedOut = fetch(`${asked.worker.url}/warm?wait=60&attempt=lost`, {
        ...{ method: 'POST', signal: AbortSignal.timeout(200) },
      });
      await expect(timedOut).rejects.toThrow();
      await expectCold(asked);
      const both = Promise.all([asked.attempts.run('one'), asked.attempts.run('other')]);
      go();

      expect(await both).toEqual(['warm', 'warm']);
      await expectWarm(asked);
      expect(froms).toEqual([...new Set(froms)]);
      expect((await warmth(asked)).seconds).toMatchObject({ load: expect.any(Number) });
    });

    describe('on a real disk of few bytes', () => {
      let disk: SmallDisk | undefined;
      afterEach(() => disk?.unmount());

      it('that fills up meanwhile says so, and ends warm when there is room again', async () => {
        disk = smallDisk(join(bench.dir, `small-${pods}`), weights.bytes * 1.5);
        if (!disk) return;
        const filler = join(disk.folder, 'filler');
        registry.fault = (digest, from) => {
          if (digest === weights.digest && from === 0) writeFileSync(filler, Buffer.alloc(weights.bytes));
          return undefined;
        };
        const full = await start(join(disk.folder, 'models'));
        const end = full.attempts.run('first');
        await until(async () => (await warmth(full)).failure?.kind === 'disk-full');
        registry.fault = () => undefined;
        await expectCold(full);
        rmSync(filler);

        expect(await end).toBe('warm');
        await expectWarm(full);
      });

      it('that has no room from the start ends the attempt with the sizes, and the next one ends warm', async () => {
        disk = smallDisk(join(bench.dir, `small-${pods}`), weights.bytes * 1.5);
        if (!disk) return;
        const filler = join(disk.folder, 'filler');
        mkdirSync(join(disk.folder, 'models'));
        writeFileSync(filler, Buffer.alloc(weights.bytes));
        const full = await start(join(disk.folder, 'models'));

        expect(await full.attempts.run('first')).toBe('failed');
        await expectCold(full);
        expect(full.attempts.pods.items[0]?.warmupFailure).toMatchObject({
          kind: 'disk-full',
          reason: expect.stringMatching(/needs [\d.]+ [KM]B, and the disk has [\d.]+ [KM]B for models/),
        });
        rmSync(filler);
        expect(await full.attempts.run('second')).toBe('warm');
        await expectWarm(full);
      });
    });
  });
}
