import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { repositoryPath } from '../paths.ts';
import { configSchema } from './schema.ts';

/** What of JSON Schema the configuration uses; `unit` and `defaultText` come from the options' own metadata. */
interface Node {
  type?: string;
  description?: string;
  unit?: string;
  defaultText?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Node[];
  items?: Node;
  properties?: Record<string, Node>;
  required?: string[];
  additionalProperties?: Node | boolean;
}

export const REFERENCE_FILE = 'docs/configuration.md';

const INTRODUCTION = `# Configuration

<!-- Generated from infra/config by \`node infra/config/reference.ts --write\`. Edit the descriptions there. -->

\`paddock.config.ts\` is the one configuration file. It exports what \`defineConfig\` returns:

\`\`\`ts
import { defineConfig, presets } from './infra/config/index.ts';

export default defineConfig({
  region: 'us-east-1',
  fleets: [presets.cpu(), presets.gpu({ policy: { targetWaitSeconds: 30 } })],
});
\`\`\`

An unknown key or an impossible value stops synthesis with one error that lists everything that is wrong, each with its
path and the fix. Another file is used with \`PADDOCK_CONFIG=path/to/other.config.ts\`.

**Presets.** \`presets.cpu()\`: two persistent on-demand pools of c6a.8xlarge with one replica each, an elastic spot pool
of c6i.4xlarge and c6a.4xlarge, and an elastic on-demand pool of c6a.4xlarge that takes over what spot fails to give. \`presets.gpu()\`: elastic on-demand and spot pools of g5.2xlarge. Both serve llama3.1:8b.
Each takes overrides: \`policy\` is merged with the preset's, every other option replaces the preset's.

**What most people set:**

| to | set |
| --- | --- |
| use kubectl from your own network | \`cluster.admins\` and \`cluster.publicAccessCidrs\` |
| be told when something is wrong | \`monitoring.alarmEmails\` |
| start requests sooner, or save money | \`policy.targetWaitSeconds\` of a fleet: \`presets.cpu({ policy: { targetWaitSeconds: 30 } })\` |
| let a fleet sleep when nobody asks | \`policy.minReplicas: 0\` on a fleet whose pools all have \`min: 0\`, such as \`presets.gpu\` |
| be ready when the office opens | \`policy.schedule: [{ days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00', timeZone: 'Europe/Berlin', replicas: 4 }]\` |
| never pay more than so much | \`policy.costCapPerHour\`, and the \`max\` of the pools |
| serve other models | \`models\` of a fleet: \`presets.gpu({ name: 'code', models: ['qwen2.5-coder:7b'] })\` |

After a change: \`npm run synth\` checks it without an account, \`npm start\` runs it on this machine, [deploy.md](deploy.md) tells the rest.

A size in GiB is 2³⁰ bytes. \`[]\` in a heading means each entry of a list. An option without **required** may be left out.
`;

/** The whole of docs/configuration.md. */
export function referenceText(): string {
  const root = z.toJSONSchema(configSchema, { io: 'input' }) as Node;
  return `${INTRODUCTION}\n${section('', root).join('\n')}`;
}

function section(path: string, node: Node): string[] {
  const rows = Object.entries(node.properties ?? {}).map(([name, option]) =>
    row(path ? `${path}.` : '', name, option, node),
  );
  const nested = Object.entries(node.properties ?? {}).flatMap(([name, option]) => {
    const inner = option.properties ? option : option.items?.properties ? option.items : undefined;
    const place = `${path ? `${path}.` : ''}${name}${option.items ? '[]' : ''}`;
    return inner ? section(place, inner) : [];
  });
  return [
    `## ${path ? `\`${path}\`` : 'Top level'}`,
    '',
    '| option | values | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    ...nested,
  ];
}

function row(path: string, name: string, option: Node, parent: Node): string {
  const cells = [
    `\`${name}\``,
    values(option),
    defaultOf(path, name, option, parent),
    option.description ?? '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function values(option: Node): string {
  const unit = option.unit ? `, ${option.unit}` : '';
  if (option.anyOf) return `${option.anyOf.map((choice) => code(choice.const)).join(', ')}${unit}`;
  if (option.enum) return option.enum.map(code).join(', ');
  if (option.type === 'boolean') return '`true`, `false`';
  if (option.type === 'array') {
    const inner = option.items?.properties ? 'objects' : values(option.items ?? {});
    return `list of ${inner}${bounds(option.minItems, option.maxItems, ' entries')}${unit}`;
  }
  if (option.type === 'object') return option.properties ? 'object' : 'object of strings';
  if (option.type === 'string') return `text${bounds(undefined, option.maxLength, ' characters')}${unit}`;
  return `${option.type === 'integer' ? 'whole number' : 'number'}${range(option)}${unit}`;
}

function range({ minimum, maximum, exclusiveMinimum }: Node): string {
  if (exclusiveMinimum !== undefined) return `, above ${exclusiveMinimum}${bounds(undefined, maximum, '')}`;
  return bounds(minimum, maximum, '');
}

/** Integers without a bound of their own get JavaScript's: that is no range anyone chose. */
function bounds(min: number | undefined, max: number | undefined, suffix: string): string {
  const low = min !== undefined && min > Number.MIN_SAFE_INTEGER ? min : undefined;
  const high = max !== undefined && max < Number.MAX_SAFE_INTEGER ? max : undefined;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}${suffix}`;
  if (low !== undefined) return `, ${low} or more${suffix}`;
  return high !== undefined ? `, at most ${high}${suffix}` : '';
}

function defaultOf(path: string, name: string, option: Node, parent: Node): string {
  if (option.defaultText) return option.defaultText;
  if (parent.required?.includes(name)) return '**required**';
  if (option.properties) return `[below](#${anchor(`${path}${name}`)})`;
  return code(option.default);
}

/** As GitHub makes it from a heading. */
const anchor = (heading: string): string => heading.toLowerCase().replaceAll(/[^a-z0-9-]/g, '');

const code = (value: unknown): string =>
  `\`${typeof value === 'string' ? value || '""' : JSON.stringify(value)}\``;

if (import.meta.main) {
  const path = repositoryPath(REFERENCE_FILE);
  if (process.argv.includes('--write')) writeFileSync(path, referenceText());
  else if (readFileSync(path, 'utf8') !== referenceText()) {
    console.error(`${REFERENCE_FILE} is not current: run "node infra/config/reference.ts --write".`);
    process.exitCode = 1;
  }
}
