import fc from 'fast-check';
import { removables, type Statement } from '../../../local/permissions/iam-grants.ts';

const policy = (...Statement: Statement[]) => ({ Version: '2012-10-17', Statement });

const pairsOf = (policies: readonly object[]): string[] =>
  (policies as { Statement: { Action: string | string[]; Resource: string | string[] }[] }[])
    .flatMap(({ Statement }) => Statement)
    .flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} ${resource}`)),
    )
    .toSorted();

describe('what can be left out of policies', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 });

  it('is each action on each resource alone, and everything else stays', () => {
    const statement = fc.record({
      actions: names.map((all) => all.map((name) => `sqs:${name}`)),
      resources: names.map((all) => all.map((name) => `arn:${name}`)),
    });
    fc.assert(
      fc.property(statement, statement, (first, second) => {
        const policies = [first, second].map(({ actions, resources }) =>
          policy({ Effect: 'Allow', Action: actions, Resource: resources }),
        );
        const parts = removables(policies);
        expect(parts).toHaveLength(
          first.actions.length * first.resources.length + second.actions.length * second.resources.length,
        );
        const all = pairsOf(policies);
        for (const { action, resource, without } of parts)
          expect([...pairsOf(without), `${action} ${resource}`].toSorted()).toEqual(all);
      }),
    );
  });

  it('is also each of the values that a condition allows, if there are several', () => {
    const Condition = {
      StringEquals: { 'aws:ResourceTag/pool': ['a', 'b'], 'aws:ResourceTag/cluster': 'c' },
    };
    const parts = removables([policy({ Effect: 'Allow', Action: 'x:Y', Resource: '*', Condition })]);
    const values = parts.filter(({ conditionValue }) => conditionValue);
    expect(values.map(({ conditionValue }) => conditionValue)).toEqual([
      { key: 'aws:ResourceTag/pool', value: 'a' },
      { key: 'aws:ResourceTag/pool', value: 'b' },
    ]);
    expect(values[0]?.without).toMatchObject([
      {
        Statement: [
          { Condition: { StringEquals: { 'aws:ResourceTag/pool': ['b'], 'aws:ResourceTag/cluster': 'c' } } },
        ],
      },
    ]);
  });

  it('is a statement as a whole when it says what it is not about', () => {
    const parts = removables([policy({ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' })]);
    expect(parts).toEqual([
      { action: 'everything but iam:*', resource: '*', without: [{ Version: '2012-10-17', Statement: [] }] },
    ]);
  });
});
