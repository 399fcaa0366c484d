import { afterEach, describe, expect, it } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { RefusedError, UnavailableError } from '../../adapters/errors.ts';
import { KubernetesLease } from '../../adapters/kubernetes/lease.ts';
import type { Heartbeat } from '../../core/protocol/heartbeat.ts';
import { ANNOTATION, LABEL } from '../../core/protocol/names.ts';
import { type LeaseServer, startLeaseServer } from '../worker/lease-server.ts';

let server: LeaseServer;
afterEach(() => server.stop());

const heartbeat = (podUid: string, more: Partial<Heartbeat> = {}): Heartbeat => ({
  ...{ v: 1, workerId: 'w1', podUid, fleet: 'cpu', pool: 'main', state: 'warm', slots: 1, models: ['tiny'] },
  ...{ busyQueue: 0, busyInteractive: 0, completedQueue: 3, completedInteractive: 0, failed: 0 },
  ...{ busySlotSeconds: 1.5, lastActiveAt: 2, warmAt: 1 },
  ...more,
});

async function setUp(existing?: Record<string, string>) {
  server = await startLeaseServer();
  if (existing) server.put('cpu-main-0', existing);
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: 'c', server: server.url, skipTLSVerify: true }, { name: 'u' });
  return new KubernetesLease(config, { namespace: 'paddock', name: 'cpu-main-0', durationSeconds: 10 });
}

const annotations = () => server.lease('cpu-main-0')?.metadata?.annotations ?? {};

describe("the worker's Lease", () => {
  it('is made, and then renewed over a kept connection', async () => {
    const lease = await setUp();
    expect(await lease.renew(heartbeat('uid-1'))).toEqual({});
    const made = server.lease('cpu-main-0');
    expect(made?.metadata?.labels).toMatchObject({ [LABEL.fleet]: 'cpu', [LABEL.pool]: 'main' });
    expect(made?.spec).toMatchObject({ holderIdentity: 'w1', leaseDurationSeconds: 10 });
    expect(made?.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    for (let i = 0; i < 5; i += 1) await lease.renew(heartbeat('uid-1', { completedQueue: i }));
    expect(JSON.parse(annotations()[ANNOTATION.heartbeat] ?? '')).toMatchObject({ completedQueue: 4 });
    expect(server.connections()).toBeLessThan(3);
  });

  it('tells of the drain mark, and of its removal', async () => {
    const lease = await setUp();
    await lease.renew(heartbeat('uid-1'));
    server.annotate('cpu-main-0', { [ANNOTATION.drain]: '1764000000' });
    expect(await lease.renew(heartbeat('uid-1'))).toEqual({ drainDeadline: 1764000000 });
    server.annotate('cpu-main-0', { [ANNOTATION.drain]: undefined });
    expect(await lease.renew(heartbeat('uid-1'))).toEqual({});
  });

  it('keeps the mark when the container of the same pod starts anew', async () => {
    const lease = await setUp({
      [ANNOTATION.heartbeat]: JSON.stringify(heartbeat('uid-1')),
      [ANNOTATION.drain]: '77',
    });
    expect(await lease.renew(heartbeat('uid-1', { workerId: 'w2' }))).toEqual({ drainDeadline: 77 });
  });

  it('drops the mark that was meant for an earlier pod of the same name', async () => {
    const lease = await setUp({
      [ANNOTATION.heartbeat]: JSON.stringify(heartbeat('uid-0')),
      [ANNOTATION.drain]: '77',
    });
    expect(await lease.renew(heartbeat('uid-1'))).toEqual({});
    expect(annotations()).not.toHaveProperty([ANNOTATION.drain]);
  });

  it('is made anew when someone removed it', async () => {
    const lease = await setUp();
    await lease.renew(heartbeat('uid-1'));
    server.remove('cpu-main-0');
    await lease.renew(heartbeat('uid-1'));
    expect(server.lease('cpu-main-0')).toBeDefined();
  });

  it.each([
    [403, RefusedError],
    [503, UnavailableError],
    [429, UnavailableError],
  ])('says what HTTP %i means', async (status, type) => {
    const lease = await setUp();
    server.failWith(status);
    await expect(lease.renew(heartbeat('uid-1'))).rejects.toThrow(type);
    await expect(lease.renew(heartbeat('uid-1'))).rejects.toThrow(/cpu-main-0.*injected/);
  });

  it('says so when no one answers, and recovers', async () => {
    const lease = await setUp();
    await lease.renew(heartbeat('uid-1'));
    await server.pause();
    await expect(lease.renew(heartbeat('uid-1'))).rejects.toThrow(UnavailableError);
    await server.resume();
    expect(await lease.renew(heartbeat('uid-1'))).toEqual({});
  });
});
