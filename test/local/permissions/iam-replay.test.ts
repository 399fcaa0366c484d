import { RoleReplay } from '../../../local/permissions/iam-replay.ts';
import type { AwsCall } from '../../../local/permissions/recording.ts';
import type { ResolvedApp } from '../../../local/template/load.ts';
import { load } from '../template/support.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/plans';
const GROUPS = 'arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/eks-*';
const GROUP = GROUPS.replaceAll('*', '1');
const TAG = 'autoscaling:ResourceTag/eks:nodegroup-name';

function appWith(...Statement: object[]): ResolvedApp {
  const PolicyDocument = { Version: '2012-10-17', Statement };
  return load({
    App: {
      Resources: {
        Role: {
          Type: 'AWS::IAM::Role',
          Properties: { AssumeRolePolicyDocument: {}, Policies: [{ PolicyName: 'own', PolicyDocument }] },
        },
      },
    },
  });
}

function replay(statements: object[], calls: Omit<AwsCall, 'role'>[]): RoleReplay {
  const app = appWith(...statements);
  const [role] = app.roles;
  if (!role) throw new Error('no role');
  return new RoleReplay(
    app,
    role,
    calls.map((call) => ({ role: 'Role', ...call })),
  );
}

const needs = async (
  statements: object[],
  calls: Omit<AwsCall, 'role'>[],
): Promise<Record<string, boolean>> =>
  Object.fromEntries(
    (await replay(statements, calls).parts()).map(({ action, conditionValue, isNeeded }) => [
      conditionValue?.value ?? action,
      isNeeded,
    ]),
  );

const allow = (Action: string | string[], Resource: string | string[], Condition?: object) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition && { Condition }),
});

const get = { action: 'dynamodb:GetItem', resource: TABLE };
const set = {
  action: 'autoscaling:SetDesiredCapacity',
  resource: GROUP,
  context: { [TAG]: 'paddock-cpu-spot' },
};

describe('a role, asked again what it was asked in a run', () => {
  it('needs the actions that were called, and no others', async () => {
    expect(await needs([allow(['dynamodb:GetItem', 'dynamodb:DeleteItem'], TABLE)], [get])).toEqual({
      'dynamodb:GetItem': true,
      'dynamodb:DeleteItem': false,
    });
  });

  it('does not need what is granted twice', async () => {
    expect(await needs([allow('dynamodb:GetItem', TABLE), allow('dynamodb:*', TABLE)], [get])).toEqual({
      'dynamodb:GetItem': false,
      'dynamodb:*': false,
    });
  });

  it('needs the values of a condition that the called resources had', async () => {
    const Condition = { StringEquals: { [TAG]: ['paddock-cpu-spot', 'paddock-cpu-base'] } };
    expect(await needs([allow('autoscaling:SetDesiredCapacity', GROUPS, Condition)], [set])).toEqual({
      'autoscaling:SetDesiredCapacity': true,
      'paddock-cpu-spot': true,
      'paddock-cpu-base': false,
    });
  });

  it('is refused what its policies no longer allow, by action, by resource and by condition', async () => {
    const other = { StringEquals: { [TAG]: 'paddock-gpu-spot' } };
    const statements = [
      allow('dynamodb:GetItem', `${TABLE}-of-old`),
      allow('autoscaling:SetDesiredCapacity', GROUPS, other),
    ];
    expect(await replay(statements, [get, set]).refused()).toMatchObject([get, set]);
    expect(await replay([allow('dynamodb:*', '*')], [get]).refused()).toEqual([]);
  });
});
