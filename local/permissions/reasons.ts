/** Why something is granted although no run on this machine can use it. */
export interface Reason {
  /** Roles as docs/permissions.md names them. */
  readonly holders: readonly string[];
  /** Actions, verbs, or an AWS-managed policy; `*` for all that the holder has and no run uses. */
  readonly what: readonly string[];
  /** Only on this resource, as docs/permissions.md names it. */
  readonly on?: string;
  readonly why: string;
}

/**
 * Everything that is granted is used by a recorded run or stands here. An entry that fits nothing, or only what a run
 * uses, fails the test (test/permissions).
 */
export const REASONS: readonly Reason[] = [];
