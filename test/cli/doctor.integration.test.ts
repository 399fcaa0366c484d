import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Verdict } from '../../core/protocol/verdict.ts';
import { writeSession } from '../../local/session.ts';
import { paddock } from './paddock.ts';

const verdictOf = (verdict: Verdict['verdict']): Verdict => ({
  ...{ verdict, at: '2026-02-01T00:00:00.000Z' },
  checks: [{ name: 'queue cpu', status: verdict, evidence: '3 waiting', next: '`paddock explain`' }],
});

/** Stands for Lambda: what the health check answers. */
let answer: { body: unknown; isError?: boolean };
let asked: string[];
let server: Server;
const stateDir = mkdtempSync(join(tmpdir(), 'paddock-doctor-'));

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (answer.isError) response.setHeader('x-amz-function-error', 'Unhandled');
    response.end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeSession(stateDir, {
    ...{ pid: process.pid, endpointUrl, region: 'us-east-1', accessKeyId: 'k', secretAccessKey: 'k' },
    ...{ cluster: 'paddock', fleet: 'cpu', table: 't', kubeconfig: 'none' },
  });
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(stateDir, { recursive: true });
});
beforeEach(() => {
  asked = [];
});

const doctor = (...args: string[]) => paddock('doctor', ...args, '--state-dir', stateDir);

it.each([
  ['healthy', 0],
  ['degraded', 2],
  ['unhealthy', 3],
] as const)('ends %s with %d', async (verdict, code) => {
  answer = { body: verdictOf(verdict) };
  const outcome = await doctor();
  expect(outcome).toMatchObject({ code, stderr: '' });
  expect(outcome.stdout).toContain('3 waiting');
  expect(asked).toEqual([expect.stringContaining('/functions/paddock-healthcheck/invocations')]);
});

it('gives the verdict as it is with --json', async () => {
  answer = { body: verdictOf('degraded') };
  const { code, stdout } = await doctor('--json');
  expect([code, JSON.parse(stdout)]).toEqual([2, verdictOf('degraded')]);
});

it.each([
  ['a function that failed', { body: { errorMessage: 'out of memory' }, isError: true }, /out of memory/],
  ['what is no verdict', { body: { verdict: 'fine' } }, /verdict/],
])('ends with 1 and a sentence at %s', async (_, given, message) => {
  answer = given;
  const { code, stdout, stderr } = await doctor();
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
});
