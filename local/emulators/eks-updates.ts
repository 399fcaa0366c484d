import type { ErrorCode, Update, UpdateParam, UpdateType } from '@aws-sdk/client-eks';
import { AwsError } from '../front/types.ts';
import type { Timers } from './clock.ts';
import type { Ids } from './ids.ts';

/** Why EKS could not bring an update to its end, as DescribeUpdate tells it. */
export class UpdateFailure extends Error {
  readonly errorCode: ErrorCode;
  readonly resourceIds: string[];

  constructor(errorCode: ErrorCode, message: string, resourceIds: string[] = []) {
    super(message);
    this.name = 'UpdateFailure';
    this.errorCode = errorCode;
    this.resourceIds = resourceIds;
  }
}

export interface UpdatesOptions {
  ids: Ids;
  timers: Timers;
  now(): number;
  /** What EKS says when another one is asked for meanwhile. */
  busy: string;
}

/** Updates of one cluster, node group or add-on: one at a time. */
export class Updates {
  readonly #options: UpdatesOptions;
  readonly #byId = new Map<string, Update>();
  #nextFailure: UpdateFailure | undefined;

  constructor(options: UpdatesOptions) {
    this.#options = options;
  }

  get isUnderWay(): boolean {
    return [...this.#byId.values()].some(({ status }) => status === 'InProgress');
  }

  /** The next one will fail like this. */
  failNext(failure: UpdateFailure): void {
    this.#nextFailure = failure;
  }

  /** Throws ResourceInUseException while one runs. */
  checkIdle(): void {
    if (this.isUnderWay) throw new AwsError('ResourceInUseException', this.#options.busy, 409);
  }

  /**
   * Begins one, which ends as `work` ends.
   *
   * @param work is told the failure that it shall end with, if one was asked for
   * @param delaySeconds until `work` begins
   */
  begin(
    type: UpdateType,
    params: UpdateParam[],
    delaySeconds: number,
    work: (failure: UpdateFailure | undefined) => unknown,
  ): Update {
    this.checkIdle();
    const { ids, timers, now } = this.#options;
    const update: Update = {
      id: ids.uuid(),
      status: 'InProgress',
      type,
      params,
      createdAt: new Date(now()),
      errors: [],
    };
    this.#byId.set(update.id ?? '', update);
    const failure = this.#nextFailure;
    this.#nextFailure = undefined;
    timers.after(delaySeconds * 1000, async () => {
      try {
        await work(failure);
        update.status = 'Successful';
      } catch (error) {
        // One that never ended would block all others.
        update.status = 'Failed';
        update.errors = [errorDetail(error)];
      }
    });
    return { ...update };
  }

  find(id: string): Update | undefined {
    const update = this.#byId.get(id);
    return update && { ...update };
  }
}

function errorDetail(error: unknown) {
  if (error instanceof UpdateFailure)
    return { errorCode: error.errorCode, errorMessage: error.message, resourceIds: error.resourceIds };
  return { errorCode: 'Unknown' as const, errorMessage: String(error), resourceIds: [] };
}
