import { ACCOUNT, emulate, refusal } from './fixtures.ts';

const store = () => emulate().ssm;

it('keeps every version of a parameter and reads the latest', () => {
  const ssm = store();
  const Name = '/paddock/paddock/fleets/cpu';
  expect(ssm.putParameter({ Name, Value: 'a', Type: 'String' })).toEqual({ Version: 1, Tier: 'Standard' });
  expect(ssm.putParameter({ Name, Value: 'b', Overwrite: true }).Version).toBe(2);
  expect(ssm.getParameter({ Name }).Parameter).toMatchObject({
    Name,
    Value: 'b',
    Version: 2,
    Type: 'String',
    ARN: `arn:aws:ssm:us-east-1:${ACCOUNT}:parameter${Name}`,
  });
  expect(ssm.getParameter({ Name: `${Name}:1` }).Parameter.Value).toBe('a');
});

it('refuses what is missing, taken, too long or no string', async () => {
  const ssm = store();
  ssm.putParameter({ Name: 'a', Value: 'x' });
  expect((await refusal(() => ssm.getParameter({ Name: 'b' }))).code).toBe('ParameterNotFound');
  expect((await refusal(() => ssm.getParameter({ Name: 'a:7' }))).code).toBe('ParameterVersionNotFound');
  expect((await refusal(() => ssm.deleteParameter({ Name: 'b' }))).code).toBe('ParameterNotFound');
  expect((await refusal(() => ssm.putParameter({ Name: 'a', Value: 'y' }))).code).toBe(
    'ParameterAlreadyExists',
  );
  const long = { Name: 'long', Value: 'x'.repeat(4097) };
  expect((await refusal(() => ssm.putParameter(long))).message).toContain(
    'maximum parameter value of 4096 characters',
  );
  expect(ssm.putParameter({ ...long, Tier: 'Advanced' }).Version).toBe(1);
  expect((await refusal(() => ssm.putParameter({ Name: 'c', Value: 'x', Type: 'SecureString' }))).code).toBe(
    'ValidationException',
  );
});

it('reads a path, one level or all of it, in pages of ten', () => {
  const ssm = store();
  for (let index = 10; index < 22; index++) ssm.putParameter({ Name: `/p/fleets/f${index}`, Value: 'x' });
  ssm.putParameter({ Name: '/p/fleets/deep/er', Value: 'x' });
  ssm.putParameter({ Name: '/p/fleetsother', Value: 'x' });
  const first = ssm.getParametersByPath({ Path: '/p/fleets/' });
  expect(first.Parameters).toHaveLength(10);
  const second = ssm.getParametersByPath({ Path: '/p/fleets', NextToken: first.NextToken });
  expect(second.Parameters.map(({ Name }) => Name)).toEqual(['/p/fleets/f20', '/p/fleets/f21']);
  expect(second.NextToken).toBeUndefined();
  const all = ssm.getParametersByPath({ Path: '/p', Recursive: true });
  expect(all.Parameters[0]?.Name).toBe('/p/fleets/deep/er');
});

it('reads several at once and names those that are missing', () => {
  const ssm = store();
  ssm.putParameter({ Name: 'a', Value: 'x' });
  const { Parameters, InvalidParameters } = ssm.getParameters({ Names: ['a', 'b'] });
  expect(Parameters.map(({ Name }) => Name)).toEqual(['a']);
  expect(InvalidParameters).toEqual(['b']);
});
