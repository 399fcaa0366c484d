import { workloadName } from '../../core/protocol/names.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import type { ResolvedApp } from '../template/load.ts';

/** CDK ends a logical id with eight hexadecimal digits. */
const withoutHash = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '');

/** Account, region, and the hash of a file's content. */
const EVERYWHERE: readonly (readonly [RegExp, string])[] = [
  [/^arn:aws:([^:]+):[^:]*:\d*:/, '$1:'],
  [/-\d{12}-[a-z]+-[a-z]+-\d\//, '-<account>-<region>/'],
  [/[0-9a-f]{64}/, '<hash>'],
];

/** Names that mean the same in every deployment, in place of ARNs and of what a configuration calls its fleets. */
export class Names {
  /** Longest ARN first, so that none is taken for one that it begins with. */
  readonly #resources: readonly (readonly [arn: string, name: string])[];
  readonly #fleets: readonly (readonly [pattern: RegExp, kind: string])[];
  readonly #made: ReadonlyMap<string, string>;

  constructor(app: ResolvedApp, config: PaddockConfig) {
    const ids = app.resources.map(({ logicalId }) => withoutHash(logicalId));
    const isUnique = (id: string): boolean => ids.indexOf(id) === ids.lastIndexOf(id);
    this.#resources = app.resources
      .flatMap((resource) => {
        const arn = arnOf(resource);
        const short = withoutHash(resource.logicalId);
        return arn === undefined ? [] : [[arn, isUnique(short) ? short : resource.logicalId] as const];
      })
      .toSorted(([a], [b]) => b.length - a.length);
    this.#fleets = fleetPatterns(config);
    this.#made = new Map(
      app.resources
        .filter(({ stack, name }) => name.startsWith(`${stack}-`))
        .map(({ name, logicalId }) => [name, withoutHash(logicalId)]),
    );
  }

  /** A role of the templates, by its ARN. */
  role(arn: string): string {
    return this.#resources.find(([known]) => known === arn)?.[1] ?? arn;
  }

  /** `{Table}` for the ARN of the resource `Table`, and what follows it. */
  shorten(arn: string): string {
    const found = this.#resources.find(([known]) => arn === known || continues(arn, known));
    return found ? `{${found[1]}}${arn.slice(found[0].length)}` : arn;
  }

  /** Reverses `shorten`. @throws Error for a name that the templates don't have */
  lengthen(short: string): string {
    const name = /^\{([^}]+)\}/.exec(short);
    if (!name) return short;
    const found = this.#resources.find(([, known]) => known === name[1]);
    if (!found) throw new Error(`the templates have no resource ${name[1]}`);
    return found[0] + short.slice(name[0].length);
  }

  /** `{Handler}` for a name that CloudFormation made up, else the name. */
  named(name: string): string {
    const made = this.#made.get(name);
    return made === undefined ? name : `{${made}}`;
  }

  /** The same text for every account, deployment, fleet and pool: `<fleet>`, `<pool>` … in place of their names. */
  general(text: string): string {
    return [...EVERYWHERE, ...this.#fleets].reduce(
      (result, [pattern, kind]) => result.replace(pattern, kind),
      text,
    );
  }
}

function arnOf({ ref, attribute }: ResolvedApp['resources'][number]): string | undefined {
  if (ref.startsWith('arn:')) return ref;
  try {
    const arn = attribute('Arn');
    return typeof arn === 'string' && arn.startsWith('arn:') ? arn : undefined;
  } catch {
    return undefined; // a type without an ARN, or one whose ARN nothing here needs
  }
}

const continues = (arn: string, known: string): boolean =>
  arn.startsWith(known) && /[/:]/.test(arn[known.length] ?? '');

/** Longer names first: a fleet's name may be a part of its pool's. */
function fleetPatterns({ fleets }: PaddockConfig): [RegExp, string][] {
  const alone = (name: string): RegExp =>
    new RegExp(`(?<![A-Za-z0-9])${name.replace(/[^\w-]/g, '\\$&')}(?![A-Za-z0-9])`, 'g');
  const pools = fleets.flatMap(({ name, pools }) => pools.map((pool) => workloadName(name, pool.name)));
  const byLength = (names: string[]) => names.toSorted((a, b) => b.length - a.length);
  const names = byLength(fleets.map(({ name }) => name));
  return [
    ...byLength(pools).map((name): [RegExp, string] => [alone(name), '<fleet>-<pool>']),
    ...names.map((name): [RegExp, string] => [alone(name), '<fleet>']),
    // Logical ids: `Fleet-cpu/Worker/Role` is `FleetcpuWorkerRole`.
    ...names.map((name): [RegExp, string] => [
      new RegExp(`Fleet${name.replace(/[^A-Za-z0-9]/g, '')}(?=[A-Z])`, 'g'),
      'Fleet<fleet>',
    ]),
  ];
}
