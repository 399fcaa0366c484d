/** An error under the name by which Step Functions' `Catch` and `Retry` know it. */
export class TaskError extends Error {
  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
  }
}

/** How Step Functions names the errors of one service. */
export interface ErrorNames {
  /** `AutoScaling` in `AutoScaling.ScalingActivityInProgressException`. */
  readonly prefix: string;
  /** For what the service's model does not declare (a plain ValidationError, AccessDenied): the Java SDK's base class. */
  readonly undeclared: string;
}

type ErrorClass = new (...args: never[]) => Error;

/**
 * The name and cause of a failed SDK call. Step Functions calls AWS with the Java SDK, so a declared error carries that
 * SDK's class name: the shape's name without `Fault`, with `Exception` appended unless it ends so.
 *
 * @param base The service's base exception in the JavaScript SDK (`AutoScalingServiceException`).
 */
export function taskError({ prefix, undeclared }: ErrorNames, base: ErrorClass, error: unknown): TaskError {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof base)) return new TaskError(`${prefix}.SdkClientException`, message);
  const isDeclared = error.constructor !== base;
  return new TaskError(`${prefix}.${isDeclared ? javaName(error.constructor.name) : undeclared}`, message);
}

const javaName = (shape: string): string => `${shape.replace(/(Fault|Exception)$/, '')}Exception`;
