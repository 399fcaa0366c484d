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

it('moves a label only away from the version that it is told', async () => {
  const secrets = store();
  secrets.createSecret({ Name });
  const put = (SecretString: string) =>
    secrets.putSecretValue({ SecretId: Name, SecretString, VersionStages: ['PENDING'] });
  const move = (MoveToVersionId: string, RemoveFromVersionId?: string) =>
    secrets.updateSecretVersionStage({
      ...{ SecretId: Name, VersionStage: 'AWSCURRENT', MoveToVersionId, RemoveFromVersionId },
    });
  const [one, two, three] = [put('one'), put('two'), put('three')].map(({ VersionId }) => VersionId) as [
    string,
    string,
    string,
  ];
  // A first version is current whatever its labels.
  expect(secrets.getSecretValue({ SecretId: Name }).SecretString).toBe('one');
  expect((await refusal(() => move(two))).code).toBe('InvalidParameterException');
  expect((await refusal(() => move(two, three))).code).toBe('InvalidParameterException');
  move(two, one);
  expect((await refusal(() => move(three, one))).code).toBe('InvalidParameterException');

  expect(secrets.getSecretValue({ SecretId: Name }).SecretString).toBe('two');
  expect(secrets.getSecretValue({ SecretId: Name, VersionStage: 'AWSPREVIOUS' }).SecretString).toBe('one');
  expect(secrets.describeSecret({ SecretId: Name }).VersionIdsToStages).toEqual({
    ...{ [one]: ['AWSPREVIOUS'], [two]: ['AWSCURRENT'], [three]: ['PENDING'] },
  });
});
