import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../../local/faults/fault.ts';
import { FaultRefused } from '../../local/faults/injector.ts';
import { type FaultServer, startFaultServer } from '../../local/faults/server.ts';
import { writeSession } from '../../local/session.ts';
import { paddock } from './paddock.ts';

const UNTIL = '2026-02-01T00:04:00.000Z';
const injected: Fault[] = [];
const ongoing = [{ kind: 'ice', pool: 'spot', until: UNTIL }];
const injector = {
  inject(fault: Fault) {
    if (fault.pool !== 'spot')
      throw new FaultRefused(`There is no pool '${fault.pool}'. This fleet has: spot.`);
    injected.push(fault);
    const { kind, pool } = fault;
    if (kind === 'ice') return { kind, pool, instances: [], until: UNTIL };
    return { kind, pool, instances: [{ instanceId: 'i-1', node: 'ip-10-0-0-1' }] };
  },
  ongoing: () => ongoing,
  heal: () => ongoing.splice(0),
};

const stateDir = mkdtempSync(join(tmpdir(), 'paddock-fault-'));
let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer(injector as never);
  const [endpointUrl, key] = ['http://127.0.0.1:9', 'k'];
  writeSession(stateDir, {
    ...{ pid: process.pid, endpointUrl, region: 'us-east-1', accessKeyId: key, secretAccessKey: key },
    ...{ cluster: 'paddock', fleet: 'cpu', table: 't', kubeconfig: 'none' },
    faults: { url: server.url, token: server.token },
  });
});
afterAll(async () => {
  await server.stop();
  rmSync(stateDir, { recursive: true });
});

const fault = (...args: string[]) => paddock('fault', ...args, '--state-dir', stateDir);

it('strikes what was asked for, and says which instances', async () => {
  const { code, stdout } = await fault('spot-interrupt', '--pool', 'spot', '--count', '2');
  expect([code, stdout]).toEqual([0, 'spot-interrupt of the pool spot\n  i-1 on ip-10-0-0-1\n']);
  expect(injected.at(-1)).toEqual({ kind: 'spot-interrupt', pool: 'spot', count: 2 });
});

it('takes a duration, and tells the end as one JSON value', async () => {
  const { code, stdout } = await fault('ice', '--pool', 'spot', '--for', '4m', '--json');
  expect([code, JSON.parse(stdout)]).toEqual([0, { kind: 'ice', pool: 'spot', instances: [], until: UNTIL }]);
  expect(injected.at(-1)).toEqual({ kind: 'ice', pool: 'spot', forSeconds: 240 });
});

it('says what there is in place of a pool that is not there, and ends with 1', async () => {
  expect(await fault('rebalance', '--pool', 'none')).toEqual({
    ...{ code: 1, stdout: '' },
    stderr: "paddock: There is no pool 'none'. This fleet has: spot.\n",
  });
});

it('lists what goes on, and ends it', async () => {
  const list = await fault('list');
  expect(list.stdout).toBe(`ice of the pool spot until ${UNTIL}\n`);
  expect((await fault('heal')).stdout).toBe('ice of spot has ended\n');
  expect((await fault('list')).stdout).toBe('No fault goes on.\n');
  expect(JSON.parse((await fault('list', '--json')).stdout)).toEqual([]);
});
