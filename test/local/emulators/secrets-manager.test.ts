import { ACCOUNT, emulate, refusal } from './fixtures.ts';

const store = () => emulate().secretsManager;
const Name = 'paddock/keys';

it('keeps a secret and its versions, by name, ARN and the ARN without its end', () => {
  const secrets = store();
  const { ARN } = secrets.createSecret({ Name, SecretString: 'one' });
  expect(ARN).toMatch(new RegExp(`^arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:${Name}-[0-9a-f]{6}$`));
  const { VersionId } = secrets.putSecretValue({ SecretId: Name, SecretString: 'two' });

  for (const SecretId of [Name, ARN, ARN.slice(0, -7)]) {
    expect(secrets.getSecretValue({ SecretId })).toMatchObject({
      ...{ ARN, Name, SecretString: 'two', VersionId, VersionStages: ['AWSCURRENT'] },
    });
  }
  expect(secrets.getSecretValue({ SecretId: Name, VersionStage: 'AWSPREVIOUS' }).SecretString).toBe('one');
});

it('tells a secret that is not there from one without a value as AWS does: by its message alone', async () => {
  const secrets = store();
  secrets.createSecret({ Name });
  const empty = await refusal(() => secrets.getSecretValue({ SecretId: Name }));
  const missing = await refusal(() => secrets.getSecretValue({ SecretId: 'other' }));

  expect([empty.code, missing.code]).toEqual(['ResourceNotFoundException', 'ResourceNotFoundException']);
  expect(empty.message).toContain('staging label: AWSCURRENT');
  expect(missing.message).not.toContain('staging label');
});

it('refuses what is taken, too long or not there', async () => {
  const secrets = store();
  secrets.createSecret({ Name });
  expect((await refusal(() => secrets.createSecret({ Name }))).code).toBe('ResourceExistsException');
  const long = { SecretId: Name, SecretString: 'x'.repeat(65_537) };
  expect((await refusal(() => secrets.putSecretValue(long))).code).toBe('InvalidParameterException');
  expect((await refusal(() => secrets.putSecretValue({ SecretId: 'b', SecretString: 'x' }))).code).toBe(
    'ResourceNotFoundException',
  );
});
