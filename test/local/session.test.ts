import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSession, removeSession, writeSession } from '../../local/session.ts';

const session = {
  pid: process.pid,
  endpointUrl: 'http://127.0.0.1:4566',
  region: 'us-east-1',
  accessKeyId: 'AKIA',
  secretAccessKey: 'secret',
  cluster: 'paddock',
  fleet: 'cpu',
  table: 'table',
  kubeconfig: 'admin.kubeconfig',
  faults: { url: 'http://127.0.0.1:4567', token: 'token' },
};

describe('the session of a local run', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'paddock-session-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('is found while the run lives, and its key is readable by its owner alone', () => {
    writeSession(dir, session);
    expect(readSession(dir)).toEqual(session);
    expect(statSync(join(dir, 'session.json')).mode & 0o777).toBe(0o600);
    removeSession(dir);
    expect(readSession(dir)).toBeUndefined();
  });

  it('is none when a crashed run left it, or when it is no session', () => {
    // No process has a number beyond Linux's limit.
    writeSession(dir, { ...session, pid: 2 ** 22 + 1 });
    expect(readSession(dir)).toBeUndefined();
    writeFileSync(join(dir, 'session.json'), '{');
    expect(readSession(dir)).toBeUndefined();
  });
});
