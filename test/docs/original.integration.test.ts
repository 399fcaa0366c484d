import { existsSync, readFileSync } from 'node:fs';
import { repositoryPath } from '../../infra/paths.ts';
import config from '../../paddock.config.ts';
import { ofType, synthesize, type Template } from '../infra/templates.ts';

/** The cells of each row of the page's table. */
const rows = readFileSync(repositoryPath('docs/original.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .slice(1)
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

const quoted = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text ?? '');
const code = rows.flatMap(([what, cell]) => quoted(cell).map((reference) => [what, reference] as const));
const made = rows.flatMap(([what, , cell]) => quoted(cell).map((reference) => [what, reference] as const));

const { cluster, controlPlane, monitoring } = synthesize(config);
const templates: Template[] = [cluster, controlPlane, monitoring];

/** `Type` and `Type name` of each resource, `Kind name` of each Kubernetes object. */
const existing = new Set<string>([
  ...templates.flatMap(({ Resources }) => Object.values(Resources)).flatMap(namesOf),
  ...templates
    .flatMap((template) => ofType(template, 'Custom::AWSCDK-EKS-KubernetesResource'))
    .flatMap(objectsOf),
]);

function namesOf({ Type, Properties }: Template['Resources'][string]): string[] {
  const { NodegroupName, AddonName, StateMachineName } = Properties ?? {};
  return [Type, `${Type} ${NodegroupName ?? AddonName ?? StateMachineName}`];
}

function objectsOf([, { Properties }]: [string, Template['Resources'][string]]): string[] {
  const parts: unknown[] =
    typeof Properties.Manifest === 'string' ? [Properties.Manifest] : Properties.Manifest['Fn::Join'][1];
  const text = parts.map((part) => (typeof part === 'string' ? part : 'reference')).join('');
  return (JSON.parse(text) as { kind: string; metadata: { name: string } }[]).map(
    ({ kind, metadata }) => `${kind} ${metadata.name}`,
  );
}

describe('the table of the original set-up', () => {
  it('has a row for each of its parts, and each row has code', () => {
    expect(rows.length).toBeGreaterThanOrEqual(20);
    for (const [what, cell] of rows) expect([what, quoted(cell).length]).not.toEqual([what, 0]);
  });

  it.each(code)('%s: %s is there', (_what, reference) => {
    const [file = '', name] = reference.split('#');

    expect(existsSync(repositoryPath(file))).toBe(true);
    if (name)
      expect(readFileSync(repositoryPath(file), 'utf8')).toMatch(
        new RegExp(`^export (async )?(const|function|class) ${name}\\b`, 'm'),
      );
  });

  it.each(made)('%s: makes %s', (_what, reference) => {
    expect(existing).toContain(reference);
  });
});
