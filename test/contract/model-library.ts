import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NotFoundError } from '../../adapters/errors.ts';
import { ModelsRig, type ServerUnderTest, weightsOf } from '../worker/models/rig.ts';

/** What the worker relies on of a model server's library: the synthetic one and the real Ollama alike. */
export function modelLibraryContract(
  name: string,
  start: (rig: ModelsRig) => Promise<ServerUnderTest>,
): void {
  describe(`the library of ${name}`, () => {
    const rig = new ModelsRig();
    let server: ServerUnderTest;
    let pod: Awaited<ReturnType<ModelsRig['pod']>>;

    beforeAll(async () => {
      await rig.start();
      server = await start(rig);
      pod = await rig.pod(server);
    });
    afterAll(async () => {
      await server.stop();
      await rig.stop();
    });

    it('fills from the mirror through the front, and lists the model under its own name', async () => {
      await rig.mirror('mirrored:8b');
      await pod.fill('mirrored:8b');

      const { body } = await pod.library.ask({ method: 'GET', path: '/api/tags' });
      expect((body as { models: { name: string }[] }).models.map((model) => model.name)).toEqual([
        'mirrored:8b',
      ]);
      expect(await pod.store.read()).toMatchObject({
        models: [{ name: 'mirrored:8b', isComplete: true }],
        strays: [],
      });
      expect(pod.progress.at(-1)).toMatchObject({ source: 'mirror' });
      expect(rig.registry.asked).toEqual([]);
    });

    it('fills from the registry what the mirror lacks', async () => {
      await pod.fill('elsewhere');

      expect(await pod.names()).toEqual(['elsewhere:latest', 'mirrored:8b']);
    });

    it('keeps files as long as a name is left for them, in whichever case it is said', async () => {
      await pod.library.copy('mirrored:8b', 'second:8b');
      await pod.library.delete('Mirrored:8b');
      expect((await pod.store.read()).models).toContainEqual(
        expect.objectContaining({ name: 'second:8b', isComplete: true }),
      );
      await pod.library.delete('second:8b');

      expect(await pod.names()).toEqual(['elsewhere:latest']);
      expect((await pod.store.read()).strays).toEqual([]);
    });

    it('has nothing against deleting what is not there, and can not copy or load it', async () => {
      await pod.library.delete('nobody:1b');
      await expect(pod.library.copy('nobody:1b', 'other')).rejects.toThrow(NotFoundError);
      await expect(pod.library.load('nobody:1b')).rejects.toThrow(NotFoundError);
    });

    it('says that a registry does not have a model', async () => {
      const alias = pod.front.aliasOf({
        host: 'registry.ollama.ai',
        namespace: 'library',
        model: 'not',
        tag: 'offered',
      });

      await expect(pod.library.pullPlain(alias, () => {})).rejects.toMatchObject({
        code: 'PullFailed',
        message: expect.stringContaining('file does not exist'),
      });
    });

    it('deletes content that is not what its digest promises, and the next fill takes the right one', async () => {
      await rig.mirror('spoiled', { spoil: true });
      await fetch(`${rig.registry.url}/v2/library/spoiled/manifests/latest`);
      await expect(pod.fill('spoiled')).rejects.toMatchObject({ failure: { kind: 'checksum-mismatch' } });
      expect((await pod.store.read()).strays.map(({ digest }) => digest)).not.toContain(weightsOf('spoiled'));
      await pod.fill('spoiled');

      expect(await pod.names()).toContain('spoiled:latest');
    });

    it('goes on where a broken connection has left it', async () => {
      const froms: number[] = [];
      rig.registry.fault = (digest, from) => {
        if (digest !== weightsOf('broken')) return undefined;
        froms.push(from);
        return froms.length === 1 ? { cutAfterBytes: 200_000 } : undefined;
      };
      // Ollama tries again by itself, the synthetic one leaves that to the next fill.
      await pod.fill('broken').catch(() => pod.fill('broken'));
      rig.registry.fault = () => undefined;

      expect(froms).toHaveLength(2);
      expect(froms[1]).toBeGreaterThan(0);
      expect((await pod.store.read()).models).toContainEqual(
        expect.objectContaining({ name: 'broken:latest', isComplete: true }),
      );
    });
  });
}
