import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const text = z.string().min(1);

const awsCall = z.strictObject({
  /** Logical id of the role without its hash. */
  role: text,
  /** As policies spell it: `s3:GetObject`. */
  action: text,
  /** ARN with `{Name}` in place of a resource of the templates; ids that differ from run to run are zeros. */
  resource: text,
  /** Values of the condition keys that the role's policies ask for. */
  context: z.record(text, z.union([z.string(), z.array(z.string())])).optional(),
});

const kubernetesCall = z.strictObject({
  /** `Group <name>` (several joined by `, `) or `ServiceAccount <namespace>/<name>`. */
  as: text,
  verb: text,
  /** API group; empty: the core group. */
  group: z.string(),
  /** `pods`, `pods/status` */
  resource: text,
  namespace: text.optional(),
  /** Only where a rule names objects. */
  name: text.optional(),
});

const recordingSchema = z.strictObject({ aws: z.array(awsCall), kubernetes: z.array(kubernetesCall) });

export type AwsCall = z.infer<typeof awsCall>;
export type KubernetesCall = z.infer<typeof kubernetesCall>;

/** The kinds of calls that a run made and that were allowed, each once, in a fixed order. */
export type Recording = z.infer<typeof recordingSchema>;

/** Each call once, sorted: two runs that made the same calls have equal recordings. */
export function recording(aws: readonly AwsCall[], kubernetes: readonly KubernetesCall[]): Recording {
  return { aws: distinct(aws, awsCall), kubernetes: distinct(kubernetes, kubernetesCall) };
}

/** The schema fixes the order of members. */
function distinct<T>(calls: readonly T[], schema: z.ZodType<T>): T[] {
  const lines = new Set(calls.map((call) => JSON.stringify(schema.parse(call))));
  return [...lines].toSorted().map((line) => JSON.parse(line) as T);
}

/** @throws Error naming the file when it is missing or not a recording */
export function readRecording(file: string): Recording {
  const parsed = recordingSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success)
    throw new Error(`${file} is not a recording of calls:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** One call a line. */
export function writeRecording(file: string, { aws, kubernetes }: Recording): void {
  const lines = (calls: readonly object[]): string =>
    calls.length === 0 ? '[]' : `[\n${calls.map((call) => `    ${JSON.stringify(call)}`).join(',\n')}\n  ]`;
  writeFileSync(file, `{\n  "aws": ${lines(aws)},\n  "kubernetes": ${lines(kubernetes)}\n}\n`);
}

/** Calls of the first that the second lacks. */
export function lacking(wanted: Recording, present: Recording): (AwsCall | KubernetesCall)[] {
  const keysOf = ({ aws, kubernetes }: Recording) =>
    [...aws, ...kubernetes].map((call) => JSON.stringify(call));
  const there = new Set(keysOf(present));
  return [...wanted.aws, ...wanted.kubernetes].filter((call) => !there.has(JSON.stringify(call)));
}
