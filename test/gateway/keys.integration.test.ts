import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import OpenAI, { type APIError, AuthenticationError, RateLimitError } from 'openai';
import { repositoryPath } from '../../infra/paths.ts';
import { writeSession } from '../../local/session.ts';
import { functionNamed } from '../../local/system/from-template.ts';
import { cliEnvironment } from '../cli/paddock.ts';
import { GatewayRig } from './rig.ts';

const run = promisify(execFile);
let rig: GatewayRig;

beforeAll(async () => {
  rig = new GatewayRig({ gateway: { perKey: { requestsPerMinute: 30, burst: 4 } } });
  await rig.start();
  const { url, region, admin } = rig.front;
  writeSession(rig.dir, {
    ...{ pid: process.pid, endpointUrl: url, region, cluster: 'paddock', fleet: 'cpu', table: '-' },
    ...{ accessKeyId: admin.accessKeyId, secretAccessKey: admin.secretAccessKey, kubeconfig: '-' },
  });
});
afterAll(() => rig.stop());

const keys = async (...args: string[]) => {
  const cli = repositoryPath('cli', 'paddock.ts');
  const command = [cli, 'keys', ...args, '--state-dir', rig.dir];
  const { stdout } = await run(process.execPath, command, { env: cliEnvironment });
  return stdout;
};

it('makes keys that work, lists them without the keys, and ends them', async () => {
  const { id, key } = JSON.parse(await keys('create', 'web-app', '--json'));
  const client = new OpenAI({ baseURL: `${rig.gateway.url}/v1`, apiKey: key, maxRetries: 8 });
  expect((await client.models.list()).data.map(({ id }) => id)).toContain('tiny');

  const listed = await keys('list');
  expect(listed).toContain(id);
  expect(listed).toContain('web-app');
  expect(listed).not.toContain(key.slice(-20));

  await keys('revoke', 'web-app');
  expect(await keys('list')).not.toContain(id);
  // Another process of the function, as a minute later, has not heard of the key.
  rig.lambda.kill(functionNamed(rig.app, 'Gateway'));
  await expect(client.models.list()).rejects.toBeInstanceOf(AuthenticationError);
  expect((await rig.client.models.list()).data).not.toEqual([]);
});

it('says what to do about a name that can not be and a key that is not there', async () => {
  await expect(keys('create', 'my app')).rejects.toMatchObject({
    stderr: expect.stringContaining('is no name for a key'),
  });
  await expect(keys('revoke', 'nobody')).rejects.toMatchObject({ stderr: expect.stringContaining('no key') });
});

it('has a rate limit that is exact over processes, in OpenAI’s shape, and kept to by the client’s own retries', async () => {
  const submit = (client: OpenAI) =>
    client.responses.create({ model: 'tiny', input: 'Why?', background: true });
  await Promise.all([submit(rig.client), submit(rig.client)]);
  // Other processes know nothing of what those counted.
  rig.lambda.kill(functionNamed(rig.app, 'Gateway'));
  await Promise.all([submit(rig.client), submit(rig.client)]);
  let error: APIError | undefined;
  // What time gave back while they started may let some more in.
  for (let i = 0; i < 50 && !(error instanceof RateLimitError); i += 1) {
    error = await submit(rig.hasty).then(
      () => undefined,
      (thrown: APIError) => thrown,
    );
  }
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' });
  expect(error?.requestID).toBeTruthy();
  expect(Number(error?.headers?.get('retry-after'))).toBeGreaterThanOrEqual(1);

  expect((await submit(rig.client)).status).toBe('queued');
});

it('needed no permission that the templates do not give', () => {
  expect(rig.front.calls().filter(({ allowed }) => !allowed)).toEqual([]);
});
