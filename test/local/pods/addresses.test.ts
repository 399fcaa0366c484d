import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Addresses } from '../../../local/pods/addresses.ts';

const open: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function claim(): Promise<Addresses> {
  const addresses = await Addresses.claim();
  open.push(() => addresses.release());
  return addresses;
}

const networkOf = (address: string): string => address.split('.').slice(0, 2).join('.');

describe('the addresses of pods', () => {
  it('two runs on one machine never share a network', async () => {
    const runs = await Promise.all([claim(), claim(), claim()]);
    expect(new Set(runs.map((run) => networkOf(run.take()))).size).toBe(3);
  });

  it('a network in which a pod of a crashed run still listens is left alone', async () => {
    const first = await claim();
    const address = first.take();
    await first.release();
    const orphan = createServer();
    await new Promise<void>((resolve) => orphan.listen(8080, address, resolve));
    open.push(() => new Promise((resolve) => orphan.close(resolve)));
    expect(networkOf((await claim()).take())).not.toBe(networkOf(address));
  });

  it('a network that was left is claimed again', async () => {
    const first = await claim();
    const network = networkOf(first.take());
    await first.release();
    expect(networkOf((await claim()).take())).toBe(network);
  });
});
