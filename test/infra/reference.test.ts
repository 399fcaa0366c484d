import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { defineConfig, presets } from '../../infra/config/index.ts';
import { REFERENCE_FILE, referenceText } from '../../infra/config/reference.ts';
import { configSchema } from '../../infra/config/schema.ts';
import { repositoryPath } from '../../infra/paths.ts';

interface Node {
  type?: string;
  description?: string;
  unit?: string;
  properties?: Record<string, Node>;
  items?: Node;
}

/** Every option with its path, through objects and lists. */
function options(node: Node, path = ''): [string, Node][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, option]) => [
    [`${path}${name}`, option] as [string, Node],
    ...options(option, `${path}${name}.`),
    ...options(option.items ?? {}, `${path}${name}[].`),
  ]);
}

const all = options(z.toJSONSchema(configSchema, { io: 'input' }) as Node);

describe('the configuration reference', () => {
  it('is current (else: node infra/config/reference.ts --write)', () => {
    expect(readFileSync(repositoryPath(REFERENCE_FILE), 'utf8')).toBe(referenceText());
  });

  it('links to sections that it has', () => {
    const headings = [...referenceText().matchAll(/^## (.*)$/gm)].map(([, heading = '']) =>
      heading.toLowerCase().replaceAll(/[^a-z0-9-]/g, ''),
    );
    const links = [...referenceText().matchAll(/\]\(#([^)]*)\)/g)].map(([, link]) => link);

    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect(headings).toContain(link);
  });

  const examples = [...referenceText().matchAll(/`(presets\.\w+\(.*?\))`/g)].map(
    ([, example = '']) => example,
  );

  it.each(examples)('gives an example that is valid: %s', (example) => {
    const fleet = new Function('presets', `return ${example};`)(presets);

    expect(() => defineConfig({ region: 'us-east-1', fleets: [fleet] })).not.toThrow();
  });

  it.each(all)('describes %s', (_path, option) => {
    expect(option.description).toMatch(/\.$/);
  });

  it.each(all.filter(([, { type }]) => type === 'number' || type === 'integer'))(
    '%s has a unit',
    (_path, option) => {
      expect(option.unit).toBeTruthy();
    },
  );
});
