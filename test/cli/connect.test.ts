import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientOptions } from '../../adapters/aws/client-options.ts';
import { connect } from '../../cli/connect.ts';
import { writeSession } from '../../local/session.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'paddock-connect-'));
const environment = { ...process.env };
afterAll(() => {
  rmSync(stateDir, { recursive: true });
  process.env = environment;
});

it('lets commands wait for an answer longer than a tick does', () => {
  expect(clientOptions().requestHandler.requestTimeout).toBe(2000);
  writeSession(stateDir, {
    ...{ pid: process.pid, endpointUrl: 'http://127.0.0.1:9', region: 'us-east-1' },
    ...{
      accessKeyId: 'k',
      secretAccessKey: 's',
      cluster: 'paddock',
      fleet: 'cpu',
      table: 't',
      kubeconfig: 'none',
    },
  });
  expect(connect({ stateDir })).toMatchObject({ fleet: 'cpu', where: 'local' });
  expect(clientOptions().requestHandler.requestTimeout).toBeGreaterThanOrEqual(10_000);
  expect(clientOptions(500).requestHandler.requestTimeout).toBe(500);
});
