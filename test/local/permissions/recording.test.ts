import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAuditLog } from '../../../local/permissions/audit.ts';
import { lacking, readRecording, recording, writeRecording } from '../../../local/permissions/recording.ts';

const folder = mkdtempSync(join(tmpdir(), 'paddock-recording-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'file');

const get = { role: 'ScalerRole', action: 'dynamodb:GetItem', resource: '{Table}' };
const put = { ...get, action: 'dynamodb:PutItem' };
const list = { as: 'Group paddock:scaler', verb: 'list', group: '', resource: 'pods', namespace: 'paddock' };

describe('a recording', () => {
  it('is the same whatever the order and the number of the calls, and survives its file', () => {
    const one = recording([put, get, get], [list]);
    expect(recording([get, put], [list, list])).toEqual(one);
    writeRecording(file, one);
    expect(readRecording(file)).toEqual(one);
    expect(lacking(one, recording([get], []))).toEqual([put, list]);
  });

  it('is refused when it is something else', () => {
    writeFileSync(file, '{"aws":[{"role":"x"}]}');
    expect(() => readRecording(file)).toThrow('is not a recording of calls');
  });
});

describe('an audit log', () => {
  const event = (username: string, groups: string[], verb: string, decision: string, objectRef?: object) =>
    JSON.stringify({
      ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Metadata', stage: 'ResponseComplete', verb },
      user: { username, groups: [...groups, 'system:authenticated'] },
      ...(objectRef && { objectRef }),
      annotations: { 'authorization.k8s.io/decision': decision },
    });
  const pods = { resource: 'pods', namespace: 'paddock', apiVersion: 'v1' };
  const lease = (name: string) => ({
    resource: 'leases',
    apiGroup: 'coordination.k8s.io',
    namespace: 'paddock',
    name,
  });
  const worker = 'system:serviceaccount:paddock:paddock-worker-cpu';

  it('tells each kind of call once: by groups or service account, without the names of objects', async () => {
    writeFileSync(
      file,
      [
        event('arn:aws:sts::1:assumed-role/r/s', ['paddock:scaler'], 'list', 'allow', pods),
        event(worker, ['system:serviceaccounts'], 'patch', 'allow', lease('cpu-0')),
        event(worker, ['system:serviceaccounts'], 'patch', 'allow', lease('cpu-1')),
        event('someone', ['paddock:warmup'], 'patch', 'allow', {
          ...pods,
          subresource: 'status',
          name: 'cpu-0',
        }),
        event('someone', ['paddock:warmup'], 'get', 'allow', { ...pods, name: 'known' }),
        event('someone', ['paddock:warmup'], 'get', 'allow'),
        JSON.stringify({ kind: 'Event', verb: 'patch', user: {}, objectRef: lease('cpu-0') }),
        '{"kind":"Event","cut o',
      ].join('\n'),
    );
    const as = 'ServiceAccount paddock/paddock-worker-cpu';
    const warmup = { as: 'Group paddock:warmup', group: '', namespace: 'paddock' };
    expect(await readAuditLog(file, new Set(['known']))).toEqual({
      allowed: [
        { as: 'Group paddock:scaler', verb: 'list', group: '', resource: 'pods', namespace: 'paddock' },
        { as, verb: 'patch', group: 'coordination.k8s.io', resource: 'leases', namespace: 'paddock' },
        { ...warmup, verb: 'patch', resource: 'pods/status' },
        { ...warmup, verb: 'get', resource: 'pods', name: 'known' },
      ],
      denied: [],
    });
  });

  it('tells what was refused, unless the API server was only starting', async () => {
    writeFileSync(
      file,
      [
        event(worker, [], 'patch', 'forbid', lease('cpu-0')),
        event(worker, [], 'patch', 'allow', lease('cpu-0')),
        event(worker, [], 'delete', 'forbid', lease('cpu-0')),
      ].join('\n'),
    );
    const { allowed, denied } = await readAuditLog(file, new Set());
    expect([allowed, denied].map((calls) => calls.map(({ verb }) => verb))).toEqual([['patch'], ['delete']]);
  });
});
