import { SendMessageCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type OpenAI from 'openai';
import type { ServerEvent } from '../../local/model-server/types.ts';
import { recordedAwsCalls } from '../../local/permissions/recorder.ts';
import { clientSettings } from '../../local/system/aws-clients.ts';
import { queueOf } from '../../local/system/from-template.ts';
import { paddock } from '../cli/paddock.ts';
import { expectRecorded } from '../permissions/recordings.ts';
import { until } from '../worker/harness.ts';
import { GatewayRig } from './rig.ts';

/** A request whose worker dies each time, from the client to the dead-letter queue and back. */
let rig: GatewayRig;
let client: OpenAI;
let sqs: SQSClient;

/** Instead of 20, so that three deaths do not take minutes. */
const MAX_RECEIVES = 2;
const SCHEDULE = 'paddock-healthcheck';
const DEAD = '-dead-letters';

beforeAll(async () => {
  rig = new GatewayRig();
  await rig.start();
  rig.openSession();
  client = rig.client;
  sqs = new SQSClient(clientSettings({ url: rig.front.url, region: rig.config.region }, rig.front.admin));
  const { url, redrive } = queueOf(rig.app, rig.config);
  await sqs.send(
    new SetQueueAttributesCommand({
      QueueUrl: url,
      Attributes: { RedrivePolicy: JSON.stringify({ ...redrive, maxReceiveCount: MAX_RECEIVES }) },
    }),
  );
});
afterAll(async () => {
  sqs?.destroy();
  await rig.stop();
});

const dlq = (...args: string[]) => paddock('dlq', ...args, '--state-dir', rig.dir);

let doomed: OpenAI.Responses.Response;
const isStart = ({ kind, requestId }: ServerEvent): boolean => kind === 'started' && requestId === doomed.id;

it('a request whose worker dies each time lands in the dead-letter queue, and its response stays open', async () => {
  doomed = await client.responses.create({ model: 'tiny', input: 'Why?', background: true });
  for (let death = 1; death <= MAX_RECEIVES; death += 1) {
    await rig.startWorker({ decodeRate: 1 });
    await until(() => rig.events.filter(isStart).length === death);
    await until(async () => (await client.responses.retrieve(doomed.id)).status === 'in_progress');
    await rig.killWorkers();
  }
  // The next one to ask for work has SQS move it.
  await rig.startWorker({ decodeRate: 200, prefillRate: 1_000_000 });
  await until(() => rig.queued(DEAD) === 1);
  expect((await client.responses.retrieve(doomed.id)).status).toBe('in_progress');
});

it('a sweep ends it, and its client reads why', async () => {
  await rig.fire(SCHEDULE);
  await until(async () => (await client.responses.retrieve(doomed.id)).status === 'failed');
  const { error } = await client.responses.retrieve(doomed.id);
  expect(error?.message).toMatch(/no worker lived to answer it; the last attempt began on cpu-worker-2 at /);
  expect(rig.queued(DEAD)).toBe(1);
});

it('foreign messages show in the list, and nothing else becomes of them', async () => {
  const QueueUrl = `${queueOf(rig.app, rig.config).url}${DEAD}`;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'garbled' }));
  const { code, stdout } = await dlq('list', '--json');
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(code).toBe(0);
  expect(rows).toContainEqual(
    expect.objectContaining({ response: 'foreign', why: expect.stringMatching(/not JSON/) }),
  );
  expect(rows).toContainEqual(
    expect.objectContaining({ id: doomed.id, fleet: 'cpu', model: 'tiny', response: 'failed' }),
  );
  const shown = await dlq('show', doomed.id);
  expect(shown.stdout).toMatch(/submitted by +local/);
  expect(shown.stdout).not.toContain('Why?');
  expect((await dlq('show', doomed.id, '--body')).stdout).toContain('Why?');
});

it('redriven, it is answered', async () => {
  const { code, stdout } = await dlq('redrive', '--all');
  expect([stdout.trim().split('\n').sort(), code]).toEqual([
    ['1 left: no request of this fleet', '1 redriven'],
    0,
  ]);
  await until(async () => (await client.responses.retrieve(doomed.id)).status === 'completed');
  expect(rig.queued(DEAD)).toBe(1);
});

it('purging asks first, and says what it did', async () => {
  const refused = await dlq('purge', '--all');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('add --yes')]);
  expect(rig.queued(DEAD)).toBe(1);
  const { code, stdout } = await dlq('purge', '--all', '--yes');
  expect([code, stdout.trim()]).toEqual([0, '1 purged; what had no answer is failed for good']);
  expect((await dlq('list')).stdout).toContain("The fleet 'cpu' has no dead letters.");
  const missing = await dlq('redrive', doomed.id);
  expect([missing.code, missing.stdout]).toEqual([
    1,
    expect.stringContaining('is not in the dead-letter queue'),
  ]);
});

it('needed no permission that the templates do not give, and those that they are tested with', () => {
  expectRecorded('dead-letters', recordedAwsCalls(rig));
});
