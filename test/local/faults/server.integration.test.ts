import { FaultRefused } from '../../../local/faults/injector.ts';
import { type FaultServer, startFaultServer } from '../../../local/faults/server.ts';

const injector = {
  inject: (fault: { kind: string; pool: string }) => {
    if (fault.pool === 'none') throw new FaultRefused("There is no pool 'none'. This fleet has: spot.");
    return { ...fault, instances: [] };
  },
  ongoing: () => [{ kind: 'ice', pool: 'spot' }],
  heal: (pool?: string) => [{ kind: 'ice', pool }],
};

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer(injector as never);
});
afterAll(() => server.stop());

async function ask(method: string, path: string, body?: string, token = server.token) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, body: await response.json() };
}

it('strikes, lists and heals', async () => {
  const fault = { kind: 'spot-interrupt', pool: 'spot', count: 2 };
  expect(await ask('POST', '/faults', JSON.stringify(fault))).toEqual({
    status: 200,
    body: { ...fault, instances: [] },
  });
  expect((await ask('GET', '/faults')).body).toEqual([{ kind: 'ice', pool: 'spot' }]);
  expect((await ask('DELETE', '/faults?pool=spot')).body).toEqual([{ kind: 'ice', pool: 'spot' }]);
});

it.each([
  ['no JSON', '{'],
  ['another kind', JSON.stringify({ kind: 'flood', pool: 'spot' })],
  ['no count', JSON.stringify({ kind: 'spot-interrupt', pool: 'spot' })],
  ['a pool that is not there', JSON.stringify({ kind: 'ice', pool: 'none' })],
])('refuses %s with a reason', async (_, body) => {
  const answer = await ask('POST', '/faults', body);
  expect(answer).toMatchObject({ status: 400, body: { message: expect.stringMatching(/fault|no pool/) } });
});

it('answers those alone who have the token of the run', async () => {
  expect((await ask('GET', '/faults', undefined, 'another')).status).toBe(401);
});
