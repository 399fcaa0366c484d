import type { Grant } from './coverage.ts';
import type { Reason } from './reasons.ts';

/** A grant, and why it is there if no run needs it. */
export interface Judged {
  readonly grant: Grant;
  readonly reason: Reason | undefined;
}

export interface Verdict {
  readonly judged: readonly Judged[];
  /** Grants that no run needs and no entry explains. */
  readonly unexplained: readonly Grant[];
  /** Entries, or parts of them, that explain nothing: what they name is gone, or a run needs it. */
  readonly idle: readonly string[];
}

/** Finds for each grant that no run needs the entry that explains it. */
export function judge(grants: readonly Grant[], reasons: readonly Reason[]): Verdict {
  const unused = grants.filter(({ usedBy }) => usedBy.length === 0);
  const judged = grants.map((grant) => ({
    grant,
    reason: grant.usedBy.length > 0 ? undefined : reasons.find((reason) => explains(reason, grant)),
  }));
  return {
    judged,
    unexplained: judged.flatMap(({ grant, reason }) => (grant.usedBy.length > 0 || reason ? [] : [grant])),
    idle: reasons.flatMap((reason) => idleParts(reason, unused)),
  };
}

const explains = ({ holders, what, on }: Reason, grant: Grant): boolean =>
  holders.includes(grant.holder) &&
  (what.includes('*') || what.includes(grant.what)) &&
  (on === undefined || on === grant.on);

/** Each pair of a holder and a permission must explain something of its own. */
const idleParts = (reason: Reason, unused: readonly Grant[]): string[] =>
  reason.holders.flatMap((holder) =>
    reason.what.flatMap((what) =>
      unused.some((grant) => explains({ ...reason, holders: [holder], what: [what] }, grant))
        ? []
        : [`${holder}: ${what}${reason.on === undefined ? '' : ` on ${reason.on}`}`],
    ),
  );
