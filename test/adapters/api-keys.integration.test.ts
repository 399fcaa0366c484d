import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { newApiKey, SecretApiKeys } from '../../adapters/aws/api-keys.ts';
import { NotFoundError, UnavailableError } from '../../adapters/errors.ts';
import { added, revoked } from '../../cli/key-ring.ts';
import type { Front } from '../../local/front/front.ts';
import { emulate } from '../local/emulators/fixtures.ts';
import { clientFor, REGION, startTestFront } from '../local/front/harness.ts';

const { secretsManager, dispose } = emulate({ region: REGION });
let front: Front;
let secret = '';
let secrets = 0;

beforeAll(async () => {
  front = await startTestFront({});
  front.register(secretsManager);
});
afterAll(async () => {
  dispose();
  await front.stop();
});
beforeEach(() => {
  secrets += 1;
  secret = `paddock/keys-${secrets}`;
  secretsManager.createSecret({ Name: secret });
});

/** One command line: a client of its own. */
const ring = () => new SecretApiKeys(secret, new SecretsManagerClient(clientFor(front, front.admin)));
const add = (name: string) => {
  const { record } = newApiKey(name, new Date(0));
  return ring().change((keys) => added(keys, record));
};
const names = async () => (await ring().read()).keys.map(({ name }) => name).sort();

it('a key that is made at the same time as others is there, in a new secret and in one with keys', async () => {
  const first = ['a', 'b', 'c', 'd'];
  await Promise.all(first.map(add));
  expect(await names()).toEqual(first);

  const second = ['e', 'f', 'g'];
  const revoking = ring().change((keys) => revoked(keys, 'a').left);
  await Promise.all([...second.map(add), revoking]);
  expect(await names()).toEqual(['b', 'c', 'd', ...second]);
});

it.each(['PutSecretValue', 'UpdateSecretVersionStage'])(
  'a change is made once when the answer to %s is lost',
  async (operation) => {
    await add('a');
    const end = front.inject({ service: 'secretsmanager', operation, kind: 'answer-lost' });
    setTimeout(end, 30);
    await add('b').catch((error: unknown) => expect(error).toBeInstanceOf(UnavailableError));
    end();

    expect((await names()).filter((name) => name === 'b').length).toBeLessThanOrEqual(1);
    await add('c');
    expect((await names()).filter((name) => name !== 'b')).toEqual(['a', 'c']);
  },
);

it('that others always overtake says so, and changes nothing', async () => {
  await add('a');
  const overtaken = ring().change((keys) => {
    const { keys: now } = JSON.parse(secretsManager.getSecretValue({ SecretId: secret }).SecretString);
    secretsManager.putSecretValue({ SecretId: secret, SecretString: JSON.stringify({ v: 1, keys: now }) });
    return added(keys, newApiKey('late', new Date(0)).record);
  });

  await expect(overtaken).rejects.toThrow(/others change the API keys/);
  expect(await names()).toEqual(['a']);
});

it('a secret that is not there is said to be so', async () => {
  secret = 'paddock/none';
  await expect(add('a')).rejects.toBeInstanceOf(NotFoundError);
});
