import * as z from 'zod';

/**
 * Reads a function's environment.
 *
 * @example readEnv({ table: 'PADDOCK_TABLE' }).table
 * @param names the property wanted → the variable that holds it
 * @throws Error that names every variable that is missing or empty
 */
export function readEnv<K extends string>(
  names: Record<K, string>,
  env: Record<string, string | undefined> = process.env,
): Record<K, string> {
  const entries = Object.entries<string>(names) as [K, string][];
  const isSet = z.string().min(1);
  const missing = entries.filter(([, variable]) => !isSet.safeParse(env[variable]).success);
  if (missing.length > 0) {
    const list = missing.map(([, variable]) => variable).join(', ');
    throw new Error(`Environment variables are missing: ${list}. The stack sets them: deploy it again.`);
  }
  return Object.fromEntries(entries.map(([key, variable]) => [key, env[variable]])) as Record<K, string>;
}

/**
 * Reads an environment variable that holds JSON.
 *
 * @param variable its name, for the message
 * @throws Error that says what is wrong with it
 */
export function readJson<T>(schema: z.ZodType<T>, variable: string, text: string): T {
  let problem: string;
  try {
    const { success, data, error } = schema.safeParse(JSON.parse(text));
    if (success) return data;
    problem = z.prettifyError(error);
  } catch (error) {
    problem = (error as Error).message;
  }
  throw new Error(`${variable} can't be understood: ${problem}\nThe stack sets it: deploy it again.`);
}
