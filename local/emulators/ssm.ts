import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import type { Clock } from './clock.ts';
import { bool, Emulator, integer, page, parse } from './operations.ts';

export interface SsmOptions {
  clock: Clock;
  accountId: string;
  region: string;
}

interface Stored {
  /** Oldest first; a version is its index plus one. */
  values: { value: string; modified: Date }[];
  description: string | undefined;
}

const LONGEST_VALUE: Record<string, number> = { Standard: 4096, Advanced: 8192, 'Intelligent-Tiering': 8192 };

const putParameter = z.object({
  Name: z.string().regex(/^(\/[\w.-]+)+$|^[\w.-]+$/),
  Value: z.string().min(1),
  Type: z.literal('String').optional(),
  Overwrite: bool.default(false),
  Description: z.string().optional(),
  Tier: z.enum(['Standard', 'Advanced', 'Intelligent-Tiering']).default('Standard'),
});

const getByPath = z.object({
  Path: z.string().startsWith('/'),
  Recursive: bool.default(false),
  MaxResults: integer.min(1).max(10).default(10),
  NextToken: z.string().optional(),
});

/** Systems Manager's parameter store: plain strings with versions. */
export class SsmEmulator extends Emulator {
  readonly service = 'ssm';
  readonly #options: SsmOptions;
  readonly #parameters = new Map<string, Stored>();

  constructor(options: SsmOptions) {
    super();
    this.#options = options;
  }

  protected readonly operations = {
    PutParameter: (input: unknown) => this.putParameter(input),
    GetParameter: (input: { Name?: string }) => this.getParameter(input),
    GetParameters: (input: { Names?: string[] }) => this.getParameters(input),
    GetParametersByPath: (input: unknown) => this.getParametersByPath(input),
    DeleteParameter: (input: { Name?: string }) => this.deleteParameter(input),
  };

  putParameter(input: unknown): { Version: number; Tier: string } {
    const { Name, Value, Overwrite, Description, Tier } = parse(putParameter, input, 'ValidationException');
    const old = this.#parameters.get(Name);
    if (old && !Overwrite) {
      throw new AwsError(
        'ParameterAlreadyExists',
        'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
      );
    }
    const longest = LONGEST_VALUE[Tier] ?? 0;
    if (Value.length > longest) {
      throw new AwsError(
        'ValidationException',
        `${Tier} tier parameters support a maximum parameter value of ${longest} characters.${Tier === 'Standard' ? ' To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.' : ''}`,
      );
    }
    const values = old?.values ?? [];
    values.push({ value: Value, modified: new Date(this.#options.clock.now()) });
    this.#parameters.set(Name, { values, description: Description ?? old?.description });
    return { Version: values.length, Tier };
  }

  /** `name`, or `name:version` for an older one. Throws ParameterNotFound, ParameterVersionNotFound. */
  getParameter({ Name = '' }: { Name?: string }) {
    const parameter = this.#read(Name);
    if (!parameter) throw new AwsError('ParameterNotFound', `Parameter ${Name} not found.`);
    return { Parameter: parameter };
  }

  getParameters({ Names = [] }: { Names?: string[] }) {
    const found = Names.map((name) => ({ name, parameter: this.#read(name) }));
    return {
      Parameters: found.flatMap(({ parameter }) => parameter ?? []),
      InvalidParameters: found.flatMap(({ name, parameter }) => (parameter ? [] : name)),
    };
  }

  getParametersByPath(input: unknown) {
    const { Path, Recursive, MaxResults, NextToken } = parse(getByPath, input, 'ValidationException');
    const prefix = Path.endsWith('/') ? Path : `${Path}/`;
    const names = [...this.#parameters.keys()]
      .filter((name) => name.startsWith(prefix) && (Recursive || !name.slice(prefix.length).includes('/')))
      .sort();
    const invalidToken = () => new AwsError('InvalidNextToken', 'The specified token is not valid.');
    const { items, nextToken } = page(names, MaxResults, NextToken, invalidToken);
    return {
      Parameters: items.flatMap((name) => this.#read(name) ?? []),
      ...(nextToken ? { NextToken: nextToken } : {}),
    };
  }

  deleteParameter({ Name = '' }: { Name?: string }): object {
    if (!this.#parameters.delete(Name))
      throw new AwsError('ParameterNotFound', `Parameter ${Name} not found.`);
    return {};
  }

  #read(selector: string) {
    const [name = '', wanted] = selector.split(':');
    const stored = this.#parameters.get(name);
    if (!stored) return undefined;
    const version = wanted === undefined ? stored.values.length : Number(wanted);
    const entry = stored.values[version - 1];
    if (!entry) {
      throw new AwsError(
        'ParameterVersionNotFound',
        `Systems Manager could not find version ${wanted} of ${name}. Verify the version and try again.`,
      );
    }
    const { region, accountId } = this.#options;
    return {
      Name: name,
      Type: 'String' as const,
      Value: entry.value,
      Version: version,
      LastModifiedDate: entry.modified,
      ARN: `arn:aws:ssm:${region}:${accountId}:parameter${name.startsWith('/') ? '' : '/'}${name}`,
      DataType: 'text',
      ...(wanted === undefined ? {} : { Selector: `:${wanted}` }),
    };
  }
}
