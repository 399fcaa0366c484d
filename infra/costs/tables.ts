import { readFileSync, writeFileSync } from 'node:fs';
import { defineConfig, type PaddockConfig, presets } from '../config/index.ts';
import { PRICES_AS_OF } from '../config/instances.ts';
import { repositoryPath } from '../paths.ts';
import {
  type CostLine,
  HOURS_PER_MONTH,
  hourlyCosts,
  replicasAtMost,
  replicasAtRest,
  total,
} from './costs.ts';
import { PRICES, type Price } from './prices.ts';
import { quotaNeeds } from './quotas.ts';

/** The page that holds the tables, each between its marks. */
export const TABLES_FILE = 'docs/deploy.md';
const start = (name: string) => `<!-- ${name}: written by \`node infra/costs/tables.ts --write\` -->`;
const end = (name: string) => `<!-- end of ${name} -->`;

const SHOWN: readonly (readonly [string, PaddockConfig])[] = [
  ['`presets.cpu()` alone', defineConfig({ region: 'us-east-1', fleets: [presets.cpu()] })],
  ['`presets.gpu()` alone', defineConfig({ region: 'us-east-1', fleets: [presets.gpu()] })],
];

const dollars = (amount: number): string =>
  amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

const month = (perHour: number): string => Math.round(perHour * HOURS_PER_MONTH).toLocaleString('en-US');

/** What stands between the marks. */
function costTables(): string {
  const sections = SHOWN.map(([name, config]) => {
    const most = hourlyCosts(config, replicasAtMost);
    return [
      `**${name}**, at rest:`,
      '',
      '| what | $/hour | $/month |',
      '| --- | ---: | ---: |',
      ...rows(hourlyCosts(config, replicasAtRest)),
      '',
      `With every pool full: $${dollars(total(most))} an hour ($${month(total(most))} a month, if it stayed so).`,
      '',
    ].join('\n');
  });
  return `${sections.join('\n')}\n${priceTable()}`;
}

const rows = (lines: readonly CostLine[]): string[] => [
  ...lines.map(({ what, perHour }) => `| ${what} | ${dollars(perHour)} | ${month(perHour)} |`),
  `| **together** | **${dollars(total(lines))}** | **${month(total(lines))}** |`,
];

const priceTable = (): string =>
  [
    '| price | us-east-1 | as of | AWS |',
    '| --- | ---: | --- | --- |',
    `| EC2 instances, on demand (\`infra/config/instances.ts\`); spot taken as 0.45 of it | | ${PRICES_AS_OF} | <https://aws.amazon.com/ec2/pricing/on-demand/> |`,
    ...Object.values(PRICES).map(
      ({ what, price, unit, asOf, page }: Price) =>
        `| ${what} | $${price} per ${unit} | ${asOf} | <${page}> |`,
    ),
  ].join('\n');

/** What the shipped configuration can come to use of the account's quotas. */
const quotaTable = (config: PaddockConfig): string =>
  [
    '| quota | code | needed |',
    '| --- | --- | ---: |',
    ...quotaNeeds(config).map(
      ({ name, service, code, needed, unit }) =>
        `| ${name} | \`${service}\` \`${code}\` | ${needed} ${unit} |`,
    ),
  ].join('\n');

/** The page with the tables of today. @throws Error when it has lost its marks */
export const withTables = (page: string, shipped: PaddockConfig): string =>
  replaced(replaced(page, 'costs', costTables()), 'quotas', quotaTable(shipped));

function replaced(page: string, name: string, text: string): string {
  const [before, rest] = page.split(start(name));
  const [, after] = rest?.split(end(name)) ?? [];
  if (before === undefined || after === undefined)
    throw new Error(`${TABLES_FILE} lacks "${start(name)}" or "${end(name)}".`);
  return `${before}${start(name)}\n\n${text}\n\n${end(name)}${after}`;
}

if (import.meta.main) {
  const { default: shipped } = await import('../../paddock.config.ts');
  const path = repositoryPath(TABLES_FILE);
  const page = readFileSync(path, 'utf8');
  const current = withTables(page, shipped);
  if (process.argv.includes('--write')) writeFileSync(path, current);
  else if (page !== current) {
    console.error(`${TABLES_FILE} is not current: run "node infra/costs/tables.ts --write".`);
    process.exitCode = 1;
  }
}
