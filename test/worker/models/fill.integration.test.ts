import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SyntheticServer } from '../../../local/model-server/server.ts';
import { ModelsRig, type ServerUnderTest, WEIGHTS, weightsOf } from './rig.ts';

let rig: ModelsRig;
let server: ServerUnderTest;
let pods = 0;

beforeAll(async () => {
  rig = new ModelsRig();
  await rig.start();
});
afterAll(() => rig.stop());

beforeEach(async () => {
  pods += 1;
  server = await synthetic(`127.34.0.${pods}`, join(rig.dir, `disk-${pods}`));
  rig.registry.fault = () => undefined;
  rig.registry.asked.length = 0;
});
afterEach(() => server.stop());

async function synthetic(host: string, disk: string): Promise<ServerUnderTest> {
  const spec = { pod: 'p', host, port: 11434, models: [], slots: 1, loadableAt: 0, disk };
  const synthetic = new SyntheticServer(spec, () => {});
  await synthetic.listen();
  return { host, url: `http://${host}:11434`, disk, stop: () => synthetic.close() };
}

const blob = (digest: string, suffix = '') =>
  join(server.disk, 'blobs', `${digest.replace(':', '-')}${suffix}`);
const failure = async (work: Promise<unknown>) =>
  await work.then(
    () => undefined,
    (error: { failure?: { kind: string; reason: string } }) => error.failure ?? error,
  );

describe('a fill', () => {
  it('takes a model from the mirror, under its own name, and asks the registry for nothing', async () => {
    await rig.mirror('mirrored:8b');
    const pod = await rig.pod(server);
    await pod.fill('mirrored:8b');

    expect(await pod.names()).toEqual(['mirrored:8b']);
    expect((await pod.store.read()).models[0]).toMatchObject({ isComplete: true });
    expect(pod.progress.at(-1)).toMatchObject({ source: 'mirror' });
    expect(pod.progress.at(-1)?.completedBytes).toBe(pod.progress.at(-1)?.totalBytes);
    expect(rig.registry.asked).toEqual([]);
    await pod.library.load('mirrored:8b');
    expect(await pod.library.loaded()).toEqual(['mirrored:8b']);
  });

  it('takes from the registry what the mirror does not have', async () => {
    const pod = await rig.pod(server);
    await pod.fill('Elsewhere');

    expect(await pod.names()).toEqual(['Elsewhere:latest']);
    expect(pod.progress.at(-1)).toMatchObject({ source: 'registry' });
  });

  it('takes from the registry while the mirror is out of reach', async () => {
    await rig.mirror('unreachable');
    const end = rig.front.inject({ service: 's3', kind: 'down' });
    try {
      const pod = await rig.pod(server);
      await pod.fill('unreachable');
      expect(pod.progress.at(-1)).toMatchObject({ source: 'registry' });
    } finally {
      end();
    }
  });

  it('of what is there already asks nobody', async () => {
    const pod = await rig.pod(server);
    await pod.fill('twice');
    rig.registry.asked.length = 0;
    pod.progress.length = 0;
    await pod.fill('twice');

    expect(rig.registry.asked).toEqual([]);
    expect(pod.progress).toMatchObject([{ source: 'disk' }]);
  });

  it('that two want at once is one', async () => {
    const pod = await rig.pod(server);
    await Promise.all([pod.fill('shared'), pod.fill('shared'), pod.fill('SHARED:latest')]);

    expect(rig.registry.asked.filter((what) => what.startsWith('manifest'))).toHaveLength(1);
  });

  it('says why neither mirror nor registry can give a model', async () => {
    const pod = await rig.pod(server, { withoutRegistry: true });

    expect(await failure(pod.fill('nowhere:1b'))).toMatchObject({
      kind: 'no-such-model',
      reason: expect.stringMatching(/mirror does not have it.*paddock models mirror nowhere:1b/),
    });
  });

  it('says that nothing can be reached', async () => {
    const end = rig.front.inject({ service: 's3', kind: 'down' });
    try {
      const pod = await rig.pod(server, { withoutRegistry: true });
      expect(await failure(pod.fill('nowhere:1b'))).toMatchObject({
        kind: 'source-unavailable',
        retryable: true,
      });
    } finally {
      end();
    }
  });

  it.each([0, 1, 1000, 100_000, WEIGHTS - 1])(
    'that is cut off after %i bytes goes on from there',
    async (cutAfterBytes) => {
      const model = `cut-${cutAfterBytes}`;
      const pod = await rig.pod(server);
      const froms: number[] = [];
      rig.registry.fault = (digest, from) => {
        if (digest !== weightsOf(model)) return undefined;
        froms.push(from);
        return froms.length === 1 ? { cutAfterBytes } : undefined;
      };
      expect(await failure(pod.fill(model))).toMatchObject({ kind: 'source-unavailable', retryable: true });
      expect(await pod.names()).toEqual([]);
      await pod.fill(model);

      expect(await pod.names()).toEqual([`${model}:latest`]);
      expect(froms).toHaveLength(2);
      // The client may drop what it had not yet looked at when the connection broke.
      expect(froms[1]).toBeLessThanOrEqual(cutAfterBytes);
      if (cutAfterBytes > 100_000) expect(froms[1]).toBeGreaterThan(0);
    },
  );

  it('notices content that is not what its digest promises, and takes it from the registry next', async () => {
    await rig.mirror('spoiled', { spoil: true });
    await fetch(`${rig.registry.url}/v2/library/spoiled/manifests/latest`);
    const pod = await rig.pod(server);

    expect(await failure(pod.fill('spoiled'))).toMatchObject({
      kind: 'checksum-mismatch',
      reason: expect.stringContaining('the mirror gave for spoiled:latest'),
    });
    expect(await pod.names()).toEqual([]);
    await pod.fill('spoiled');
    expect(await pod.names()).toEqual(['spoiled:latest']);
  });

  it('says which model to mirror again when its content is wrong and there is no registry, and takes it then', async () => {
    await rig.mirror('alone', { spoil: true });
    const pod = await rig.pod(server, { withoutRegistry: true });
    await failure(pod.fill('alone'));

    expect(await failure(pod.fill('alone'))).toMatchObject({
      reason: expect.stringContaining("'paddock models mirror --force alone:latest'"),
    });
    await rig.mirror('alone');
    await pod.fill('alone');
    expect(await pod.names()).toEqual(['alone:latest']);
  });

  it('says that the disk fails where nothing can be written to it', async () => {
    const pod = await rig.pod(server);
    await rm(join(server.disk, 'blobs'), { recursive: true });
    await writeFile(join(server.disk, 'blobs'), 'not a folder');

    expect(await failure(pod.fill('any'))).toMatchObject({ kind: 'disk-failed', retryable: true });
  });

  it('of a model that shares a name with the registry’s own library is the same one', async () => {
    const pod = await rig.pod(server, { served: ['library/same'] });
    await pod.fill('library/same');

    expect(await pod.names()).toEqual(['same:latest']);
    expect(pod.cache.isServed('same')).toBe(true);
  });

  it('checks what an earlier fill left unchecked', async () => {
    const pod = await rig.pod(server);
    await pod.fill('first');
    const digest = weightsOf('second');
    await writeFile(blob(digest), Buffer.alloc(WEIGHTS + 4));
    await pod.fill('second');

    const { models, strays } = await pod.store.read();
    expect(models.every(({ isComplete }) => isComplete)).toBe(true);
    expect(strays).toEqual([]);
    expect(rig.registry.asked).toContain(`blob ${digest}`);
  });

  it('repairs a model whose file a crash has cut short', async () => {
    const pod = await rig.pod(server);
    await pod.fill('short');
    await truncate(blob(weightsOf('short')), 5);
    await pod.fill('short');

    expect((await pod.store.read()).models).toMatchObject([{ name: 'short:latest', isComplete: true }]);
  });

  it('begins anew where a full disk has left a part without its state', async () => {
    const pod = await rig.pod(server);
    const digest = weightsOf('halted');
    await writeFile(blob(digest, '-partial'), 'some');
    await writeFile(blob(digest, '-partial-0'), '');
    await pod.fill('halted');

    expect(await pod.names()).toEqual(['halted:latest']);
  });

  it('that nobody wants any more stops, and leaves what it has', async () => {
    const pod = await rig.pod(server);
    const leaving = new AbortController();
    rig.registry.fault = (digest) => {
      if (digest === weightsOf('left')) leaving.abort();
      return { cutAfterBytes: 10 };
    };

    await expect(pod.fill('left', leaving.signal)).rejects.toThrow();
    expect(await pod.names()).toEqual([]);
  });

  it('says that the model server has gone', async () => {
    const pod = await rig.pod(server);
    await server.stop();

    expect(await failure(pod.fill('any'))).toMatchObject({ kind: 'server-gone' });
    await rm(server.disk, { recursive: true });
    server = await synthetic(server.host, server.disk);
  });

  it('refuses a name that is none', async () => {
    const pod = await rig.pod(server);

    expect(await failure(pod.fill('../x/y/z'))).toMatchObject({ kind: 'no-such-model', retryable: false });
  });
});

describe('a disk that is full', () => {
  const room = (models: number) => models * (WEIGHTS + 200);

  it('evicts what was used least recently, and keeps what serves', async () => {
    const pod = await rig.pod(server, { served: ['served'], limitBytes: room(3) });
    for (const model of ['served', 'old', 'mid']) await pod.fill(model);
    pod.uses.used('old');
    await pod.fill('new');

    expect(await pod.names()).toEqual(['new:latest', 'old:latest', 'served:latest']);
  });

  it('keeps what an upgrade has replaced for the way back, until its room is needed', async () => {
    const before = await rig.pod(server, { served: ['old'], limitBytes: room(3) });
    for (const model of ['old', 'other']) await before.fill(model);
    // The next pod of a persistent pool has the same disk.
    const after = await rig.pod(server, { served: ['new'], limitBytes: room(3) });
    await after.fill('new');
    expect(await after.names()).toEqual(['new:latest', 'old:latest', 'other:latest']);
    rig.registry.asked.length = 0;
    await (await rig.pod(server, { served: ['old'], limitBytes: room(3) })).fill('old');
    expect(rig.registry.asked).toEqual([]);
    for (const model of ['old', 'other']) after.uses.used(model);
    await after.fill('more');

    expect(await after.names()).toEqual(['more:latest', 'new:latest', 'other:latest']);
  });

  it('evicts nothing that is pinned or loaded, and says so', async () => {
    const pod = await rig.pod(server, { limitBytes: room(2) });
    for (const model of ['pinned', 'loaded']) await pod.fill(model);
    await pod.library.load('loaded');
    pod.cache.orders = { v: 1, at: 0, extra: ['pinned'], pinned: ['pinned'], removed: [] };

    expect(await failure(pod.fill('more'))).toMatchObject({
      kind: 'disk-full',
      retryable: false,
      reason: expect.stringMatching(
        /more:latest needs 300 KB.*loaded:latest \(loaded, 300 KB\), pinned:latest \(pinned, 300 KB\)/,
      ),
    });
    expect(await pod.names()).toEqual(['loaded:latest', 'pinned:latest']);
  });

  it('lets an ordered model go for one that the fleet serves, and not for another ordered one', async () => {
    const pod = await rig.pod(server, { served: ['served'], limitBytes: room(1) });
    const never = new AbortController().signal;
    pod.cache.orders = { v: 1, at: 0, extra: ['one', 'two'], pinned: [], removed: [] };
    await pod.cache.fillOrdered('one', () => {}, never);
    expect(await failure(pod.cache.fillOrdered('two', () => {}, never))).toMatchObject({
      reason: expect.stringContaining('one:latest (ordered'),
    });
    await pod.fill('served');

    expect(await pod.names()).toEqual(['served:latest']);
  });

  it('takes what belongs to no model first', async () => {
    const pod = await rig.pod(server, { limitBytes: room(2) });
    await pod.fill('kept');
    await writeFile(blob(`sha256:${'0'.repeat(64)}`, '-partial'), Buffer.alloc(WEIGHTS));
    await pod.fill('more');

    expect(await pod.names()).toEqual(['kept:latest', 'more:latest']);
    expect((await pod.store.read()).strays).toEqual([]);
  });

  it('remembers the last use through a restart', async () => {
    const before = await rig.pod(server, { limitBytes: room(2) });
    for (const model of ['used', 'unused']) await before.fill(model);
    before.uses.used('used');
    await before.uses.save();
    const after = await rig.pod(server, { limitBytes: room(2) });
    await after.fill('third');

    expect(await after.names()).toEqual(['third:latest', 'used:latest']);
  });

  it('gives room back when a model is removed, also one that a fill left under its other name', async () => {
    const pod = await rig.pod(server);
    await pod.fill('gone');
    await pod.library.copy(
      'gone',
      pod.front.aliasOf({ host: 'registry.ollama.ai', namespace: 'library', model: 'gone', tag: 'latest' }),
    );

    expect(await pod.cache.remove('gone')).toBeUndefined();
    expect(await pod.names()).toEqual([]);
    expect((await pod.store.read()).strays).toEqual([]);
  });

  it.each(['served', 'pinned', 'loaded'])('does not remove a model that is %s', async (why) => {
    const pod = await rig.pod(server, { served: ['served'] });
    await pod.fill(why);
    if (why === 'loaded') await pod.library.load(why);
    if (why === 'pinned') pod.cache.orders = { v: 1, at: 0, extra: [], pinned: [why], removed: [why] };

    expect(await pod.cache.remove(why)).toBe(why);
    expect(await pod.names()).toEqual([`${why}:latest`]);
  });
});
