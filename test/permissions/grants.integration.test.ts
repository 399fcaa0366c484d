import { readFileSync } from 'node:fs';
import { repositoryPath } from '../../infra/paths.ts';
import { currentReport, REPORT_FILE, TEMPLATES } from './current.ts';
import { REASON, wildcardsWithoutReason } from './wildcards.ts';

const { text, problems } = await currentReport();

describe('what the templates grant', () => {
  it('is needed by a recorded run or has its reason, and the recorded calls are all allowed', () => {
    expect(problems.join('\n')).toBe('');
  });

  it(`is what ${REPORT_FILE} says (else: npm run permissions -- --write)`, () => {
    expect(readFileSync(repositoryPath(REPORT_FILE), 'utf8')).toBe(text);
  });

  it(`in Kubernetes with a wildcard has its reason in the annotation ${REASON} of the role`, () => {
    expect(TEMPLATES.flatMap(({ app }) => wildcardsWithoutReason(app.manifests))).toEqual([]);
  });
});

it('a wildcard in a rule is found unless its role says why', () => {
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'all' },
    rules: [{ apiGroups: [''], resources: ['*'], verbs: ['get'] }],
  };
  expect(wildcardsWithoutReason([role])).toEqual(['ClusterRole all: get *']);
  const explained = { ...role, metadata: { name: 'all', annotations: { [REASON]: 'it reads everything' } } };
  expect(wildcardsWithoutReason([explained])).toEqual([]);
});
