import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { recordedAwsCalls } from '../../local/permissions/recorder.ts';
import { type RegistryStandIn, startRegistryStandIn } from '../../local/registry/stand-in.ts';
import { paddock } from '../cli/paddock.ts';
import { GatewayRig } from '../gateway/rig.ts';
import { expectRecorded } from '../permissions/recordings.ts';
import { until } from '../worker/harness.ts';

/** Larger than one part of an upload. */
const WEIGHTS = 9 * 1024 * 1024;

let rig: GatewayRig;
let registry: RegistryStandIn;

beforeAll(async () => {
  rig = new GatewayRig({}, '127.36.0');
  await rig.start();
  registry = await startRegistryStandIn({ inventBytes: WEIGHTS });
  rig.openSession({ registry: registry.url });
});
afterAll(async () => {
  await rig.stop();
  await registry.stop();
});

/** What a command prints, and its exit code. */
const models = (...args: string[]) => paddock('models', ...args, '--state-dir', rig.dir);
const listed = async () => {
  const { stdout } = await models('list', '--json');
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { pod: string; models: { model: string }[] });
};

describe('paddock models', () => {
  it('says that no pod is there, and that nothing is mirrored', async () => {
    expect((await models('list')).stdout).toContain("No pod of the fleet 'cpu' reports its models");
    expect((await models('mirror')).stdout).toContain('The mirror is empty');
  });

  it('mirrors a model once', async () => {
    expect(await models('mirror', 'tiny')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('tiny:latest (9.4 MB) is in the mirror; 9.4 MB of it were sent.'),
    });
    const again = await models('mirror', 'tiny', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ outcome: 'unchanged', sentBytes: 0 });
    expect((await models('mirror')).stdout).toBe('tiny:latest\n');
  });

  it('fills a new pod from the mirror, with no registry to be reached', async () => {
    registry.asked.length = 0;
    await rig.startWorker(
      { models: [] },
      { PADDOCK_MODELS: 'tiny', PADDOCK_REGISTRY_URL: '', PADDOCK_MODELS_POLL_SECONDS: '0.3' },
    );
    await until(
      async () => (await fetch('http://127.36.0.1:8080/readyz').catch(() => undefined))?.status === 200,
    );

    expect(registry.asked).toEqual([]);
    const warmth = (await (await fetch('http://127.36.0.1:8080/warm')).json()) as { models: object[] };
    expect(warmth.models).toMatchObject([{ model: 'tiny', phase: 'warm', source: 'mirror' }]);
    await until(async () => (await listed()).length === 1);
    expect(await listed()).toMatchObject([
      {
        pod: 'cpu-worker-1',
        models: [{ model: 'tiny:latest', phase: 'on-disk', served: true, source: 'mirror' }],
      },
    ]);
    const { stdout } = await models('list');
    expect(stdout).toMatch(/cpu-worker-1 .*tiny:latest .*9\.4 MB .*loaded .*served/);
    // A file or a pipe gets no colours.
    expect(stdout).not.toContain('\u001b');
  });

  it('has every pod pull, pin and drop a model', async () => {
    expect((await models('mirror', 'other:1b')).code).toBe(0);
    expect(await models('pull', 'other:1b')).toMatchObject({
      code: 0,
      stdout: '1 of 1 pod has other:1b.\n',
    });
    expect((await models('pin', 'Other:1B')).code).toBe(0);
    await until(async () => JSON.stringify(await listed()).includes('"pinned":true'));
    expect((await models('list')).stdout).toMatch(/other:1b .*pinned/);
    expect((await models('unpin', 'other:1b')).stdout).toBe('Ordered: unpin other:1b.\n');
    expect((await models('unpin', 'other:1b')).stdout).toBe('other:1b was not pinned.\n');
    expect((await models('list')).stdout).toMatch(/other:1b .*ordered/);
    expect(await models('rm', 'other:1b')).toMatchObject({
      code: 0,
      stdout: '1 of 1 pod is without other:1b.\n',
    });
    expect((await models('rm', 'other:1b')).stdout).toMatch(/No pod has other:1b.*Is the name right\?/);
    expect((await listed())[0]?.models.map(({ model }) => model)).toEqual(['tiny:latest']);
  });

  it('says of each pod why it can not have a model', async () => {
    const { code, stdout } = await models('pull', 'nowhere:1b');

    expect(code).toBe(1);
    expect(stdout).toContain('0 of 1 pod has nowhere:1b.');
    expect(stdout).toMatch(/! cpu-worker-1: nowhere:1b is not to be had: the mirror does not have it/);
    expect(stdout).toContain("'paddock models rm nowhere:1b' takes it back");
    expect((await models('mirror', 'nowhere:1b')).code).toBe(0);
    // Ordered again, it is tried again at once.
    expect(await models('pull', 'nowhere:1b')).toMatchObject({ code: 0 });
  });

  it.each([
    [['rm', 'tiny'], /serves tiny: take it out of the configuration/],
    [['pull', 'no such name'], /is no name of a model/],
    [['mirror', 'tiny', '--from', 'http://127.0.0.1:65011'], /ECONNREFUSED/],
    [['mirror', 'tiny', '--from', '/nowhere'], /neither the http\(s\) URL of a registry nor a folder/],
    [['mirror', 'tiny', '--from', 'ftp://x'], /neither the http\(s\) URL/],
    [['mirror', '--from', '/nowhere'], /Which model is to be mirrored/],
  ])('refuses %j with a reason', async (args, reason) => {
    const { code, stderr } = await models(...args);

    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
    expect(stderr).not.toContain('    at ');
  });

  it('is told when a pod has ended', async () => {
    await rig.endWorkers();

    expect(await listed()).toEqual([]);
  });

  it('needed no permission that the templates do not give, and those that they are tested with', () => {
    expectRecorded('models', recordedAwsCalls({ front: rig.front, app: rig.app, config: rig.config }));
  });
});
