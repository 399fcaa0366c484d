import * as z from 'zod';

export const TARGETS = ['kubernetes', 'nodes', 'ollama', 'model'] as const;
export type Target = (typeof TARGETS)[number];

/** What a person asks of the state machine `upgrade`. */
export interface UpgradeRequest {
  target: Target;
  /**
   * `kubernetes`: a minor version, `1.36`. `nodes`: `latest`, or a release of the nodes' image. `ollama`: a tag, `0.18.0`, or
   * an image. `model`: a model, or `served=model` where the fleet serves several.
   */
  to: string;
  /** One fleet; without it all of them. A model is of one fleet. */
  fleet?: string | undefined;
  /** Only say what would be done, and what stands in the way. */
  dryRun?: boolean | undefined;
  /** Take back what an earlier execution of the same upgrade left half-way. */
  back?: boolean | undefined;
}

export type Parsed = { ok: true; request: UpgradeRequest } | { ok: false; problems: string[] };

const MODEL = /^[A-Za-z0-9][\w./-]*(:[\w.-]+)?$/;
const FORMS: Record<Target, { pattern: RegExp; form: string }> = {
  kubernetes: { pattern: /^\d+\.\d+$/, form: 'a minor version, such as 1.36' },
  nodes: {
    pattern: /^(latest|\d+\.\d+(\.\d+)?[\w.-]*)$/,
    form: '`latest`, or a release of the image, such as 1.36.2-20260820',
  },
  ollama: {
    pattern: /^([\w.-]+(:\d+)?(\/[\w.-]+)+)?([:@]?[\w][\w.:-]*)$/,
    form: 'a version, such as 0.18.0, or an image with its tag or digest',
  },
  model: {
    pattern: new RegExp(`^(${MODEL.source.slice(1, -1)}=)?${MODEL.source.slice(1, -1)}$`),
    form: 'a model, such as llama3.2:3b, or served=model where the fleet serves several',
  },
};

const schema = z.strictObject({
  target: z.enum(TARGETS, `must be one of ${TARGETS.join(', ')}`),
  to: z.string('must be text: what to upgrade to').min(1, 'is empty: what to upgrade to'),
  fleet: z
    .string()
    .regex(/^[a-z0-9-]{1,63}$/, 'is no name of a fleet: lower-case letters, digits and dashes')
    .optional(),
  dryRun: z.boolean('must be true or false').optional(),
  back: z.boolean('must be true or false').optional(),
});

/** Parses what someone gave. What it asks for may still not exist: `makePlan` says so. */
export function parseRequest(raw: unknown): Parsed {
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const what = path.length > 0 ? path.join('.') : 'the input';
      return `${what}: ${message}`;
    });
    return { ok: false, problems };
  }
  const request = parsed.data;
  const { pattern, form } = FORMS[request.target];
  const problems: string[] = [];
  if (!pattern.test(request.to)) problems.push(`to: "${request.to}" is not ${form}`);
  if (request.fleet !== undefined && request.target === 'kubernetes')
    problems.push('fleet: a control plane is of the whole cluster; leave the fleet out');
  return problems.length > 0 ? { ok: false, problems } : { ok: true, request };
}

/** Two executions of the same upgrade: the second goes on where the first stopped. */
export const isSameUpgrade = (one: UpgradeRequest, other: UpgradeRequest): boolean =>
  one.target === other.target && one.to === other.to && one.fleet === other.fleet;
