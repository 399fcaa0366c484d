/** What a template holds that the local runtime can't resolve; names stack, resource and path. */
export class TemplateError extends Error {
  readonly stackName: string;
  readonly resource: string | undefined;
  readonly path: string;
  constructor(where: Where, problem: string) {
    const resource = where.resource === undefined ? '' : `/${where.resource}`;
    super(`Template ${where.stack}${resource} at ${where.path.join('.') || '(top)'}: ${problem}`);
    this.name = 'TemplateError';
    this.stackName = where.stack;
    this.resource = where.resource;
    this.path = where.path.join('.');
  }
}

/** A place in a template. */
export interface Where {
  readonly stack: string;
  /** Logical id; missing for parameters, conditions and outputs. */
  readonly resource?: string;
  readonly path: readonly (string | number)[];
}

export const below = (where: Where, ...keys: (string | number)[]): Where => ({
  ...where,
  path: [...where.path, ...keys],
});
