import type { PolicyDocument } from '../template/aws-managed-policies.ts';

/** IAM writes one of something without a list. */
const listOf = <T>(value: T | readonly T[] | undefined): T[] =>
  value === undefined ? [] : ([value].flat() as T[]);

export interface Statement {
  readonly Effect: string;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Something that can be left out of a role's policies, and the policies without it. */
export interface Removable {
  readonly action: string;
  readonly resource: string;
  /** One of several values of a condition; else the action on the resource is left out. */
  readonly conditionValue?: { readonly key: string; readonly value: string };
  /** The statement's whole condition. */
  readonly condition?: Statement['Condition'];
  readonly without: readonly PolicyDocument[];
}

export const statementsOf = (policy: PolicyDocument): Statement[] =>
  listOf(policy.Statement as Statement | Statement[] | undefined);

export const actionsOf = ({ Action, NotAction }: Statement): string[] =>
  Action === undefined ? [`everything but ${listOf(NotAction).join(', ')}`] : listOf(Action);

export const resourcesOf = ({ Resource, NotResource }: Statement): string[] =>
  Resource === undefined ? [`everything but ${listOf(NotResource).join(', ')}`] : listOf(Resource);

/** Each action on each resource that the policies allow, and each value of their conditions that has alternatives. */
export function removables(policies: readonly PolicyDocument[]): Removable[] {
  return policies.flatMap((policy, policyIndex) =>
    statementsOf(policy).flatMap((statement, index) => {
      const replacedBy = (...statements: Statement[]): PolicyDocument[] =>
        policies.with(policyIndex, {
          ...policy,
          Statement: statementsOf(policy).toSpliced(index, 1, ...statements),
        });
      return [
        ...grantsOf(statement).map(({ rest, ...grant }) => ({ ...grant, without: replacedBy(...rest) })),
        ...conditionValues(statement).map(({ rest, ...value }) => ({ ...value, without: replacedBy(rest) })),
      ];
    }),
  );
}

function grantsOf(statement: Statement): (Omit<Removable, 'without'> & { rest: Statement[] })[] {
  const [actions, resources] = [actionsOf(statement), resourcesOf(statement)];
  const { Condition } = statement;
  const common = Condition === undefined ? {} : { condition: Condition };
  // What names the opposite can't be taken apart: all or nothing.
  if (statement.Action === undefined || statement.Resource === undefined)
    return [{ action: actions.join(), resource: resources.join(), ...common, rest: [] }];
  return actions.flatMap((action) =>
    resources.map((resource) => {
      const others = {
        actions: actions.filter((one) => one !== action),
        resources: resources.filter((one) => one !== resource),
      };
      const rest: Statement[] = [];
      if (others.actions.length > 0) rest.push({ ...statement, Action: others.actions });
      if (others.resources.length > 0)
        rest.push({ ...statement, Action: action, Resource: others.resources });
      return { action, resource, ...common, rest };
    }),
  );
}

function conditionValues(statement: Statement): (Omit<Removable, 'without'> & { rest: Statement })[] {
  const { Condition = {} } = statement;
  return Object.entries(Condition).flatMap(([operator, keys]) =>
    Object.entries(keys).flatMap(([key, values]) => {
      const all = listOf(values as string | string[]);
      if (all.length < 2) return []; // without its only value there is no statement
      return all.map((value) => {
        const others = all.filter((one) => one !== value);
        const rest = { ...statement, Condition: { ...Condition, [operator]: { ...keys, [key]: others } } };
        const [action, resource] = [actionsOf(statement).join(), resourcesOf(statement).join()];
        return { action, resource, conditionValue: { key, value }, condition: Condition, rest };
      });
    }),
  );
}
