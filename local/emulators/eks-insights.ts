import type { Category, Insight, InsightStatusValue, InsightSummary } from '@aws-sdk/client-eks';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import type { Timers } from './clock.ts';
import { notFound } from './eks-access.ts';
import { addonVersions, minorBeside, minorsBetween } from './eks-kubernetes-versions.ts';
import type { Ids } from './ids.ts';
import { parse } from './operations.ts';

/** What the checks look at. */
export interface Inspected {
  version: string;
  nodegroups: { name: string; version: string }[];
  addons: { name: string; version: string }[];
  /** The version that EKS would take the control plane back to; undefined: none. */
  rollbackTo: string | undefined;
}

/** What a check finds. */
export interface Finding {
  name: string;
  category: Category;
  status: InsightStatusValue;
  reason: string;
  recommendation: string;
  /** The Kubernetes version that it is about. */
  kubernetesVersion: string;
}

/** A kubelet may be that many minor versions older than its API server. Source: Kubernetes, 'Version Skew Policy'. */
const KUBELET_SKEW = 3;

const DAY_MS = 86_400_000;

const filterInput = z.object({
  categories: z.array(z.enum(['UPGRADE_READINESS', 'MISCONFIGURATION', 'ROLLBACK_READINESS'])).optional(),
  kubernetesVersions: z.array(z.string()).optional(),
  statuses: z.array(z.enum(['PASSING', 'WARNING', 'ERROR', 'UNKNOWN'])).optional(),
});

export interface InsightsOptions {
  ids: Ids;
  timers: Timers;
  now(): number;
  inspect(): Inspected;
  /** How long a refresh takes. */
  refreshSeconds: number;
}

/** EKS's recurring checks of a cluster: what it found when it last looked, which is once a day or when it is asked to. */
export class Insights {
  readonly #options: InsightsOptions;
  readonly #reported = new Map<string, Finding>();
  #insights: Insight[] = [];
  #refresh: { startedAt: Date; endedAt?: Date } | undefined;

  constructor(options: InsightsOptions) {
    this.#options = options;
    options.timers.everyMultiple(DAY_MS, () => this.look());
  }

  /** Something that the checks will find besides what they see for themselves. */
  report(finding: Finding): void {
    this.#reported.set(finding.name, finding);
  }

  /** They will find it no more. */
  withdraw(name: string): void {
    this.#reported.delete(name);
  }

  /** Throws InvalidRequestException while one runs. */
  startRefresh(): { message: string; status: 'IN_PROGRESS' } {
    const { now, timers, refreshSeconds } = this.#options;
    if (this.#refresh && !this.#refresh.endedAt)
      throw new AwsError('InvalidRequestException', 'An insights refresh is already in progress');
    const refresh: { startedAt: Date; endedAt?: Date } = { startedAt: new Date(now()) };
    this.#refresh = refresh;
    timers.after(refreshSeconds * 1000, () => {
      this.look();
      refresh.endedAt = new Date(now());
    });
    return { message: 'Insights refresh is in progress', status: 'IN_PROGRESS' };
  }

  describeRefresh() {
    if (!this.#refresh) throw notFound('No insights refresh has been started for the cluster');
    const { startedAt, endedAt } = this.#refresh;
    if (!endedAt) return { message: 'Insights refresh is in progress', status: 'IN_PROGRESS', startedAt };
    return { message: 'Insights refresh completed', status: 'COMPLETED', startedAt, endedAt };
  }

  list(filter: unknown): InsightSummary[] {
    const { categories, kubernetesVersions, statuses } = parse(
      filterInput.optional().transform((value) => value ?? {}),
      filter,
      'InvalidParameterException',
    ) as z.output<typeof filterInput>;
    const fits = <T>(wanted: readonly T[] | undefined, value: unknown) =>
      !wanted || wanted.includes(value as T);
    return this.#insights
      .filter(
        ({ category, kubernetesVersion, insightStatus }) =>
          fits(categories, category) &&
          fits(kubernetesVersions, kubernetesVersion) &&
          fits(statuses, insightStatus?.status),
      )
      .map(
        ({ recommendation: _, categorySpecificSummary: __, additionalInfo: ___, resources: ____, ...rest }) =>
          rest,
      );
  }

  /** Throws ResourceNotFoundException. */
  describe(id: string | undefined): Insight {
    const insight = this.#insights.find((one) => one.id === id);
    if (!insight) throw notFound(`No insight found for ID: ${id}`);
    return insight;
  }

  /** Looks at the cluster as it is now. */
  look(): void {
    const { ids, now, inspect } = this.#options;
    const at = new Date(now());
    const found = [...check(inspect()), ...this.#reported.values()];
    this.#insights = found.map((finding) => {
      const before = this.#insights.find(
        ({ name, category }) => name === finding.name && category === finding.category,
      );
      const isSame = before?.insightStatus?.status === finding.status;
      const { name, category, kubernetesVersion, status, reason, recommendation } = finding;
      return {
        ...{ id: before?.id ?? ids.uuid(), name, category, kubernetesVersion, recommendation },
        lastRefreshTime: at,
        lastTransitionTime: (isSame && before?.lastTransitionTime) || at,
        description: `Checks: ${name}`,
        insightStatus: { status, reason },
        additionalInfo: {},
        resources: [],
        categorySpecificSummary: { deprecationDetails: [], addonCompatibilityDetails: [] },
      };
    });
  }
}

function check({ version, nodegroups, addons, rollbackTo }: Inspected): Finding[] {
  const next = minorBeside(version, 1);
  const upgrade = { category: 'UPGRADE_READINESS' as const, kubernetesVersion: next };
  const old = nodegroups.filter((group) => (minorsBetween(group.version, next) ?? 0) > KUBELET_SKEW);
  const unfit = addons.filter((addon) => !isOffered(addon, next));
  const found: Finding[] = [
    {
      ...{ ...upgrade, name: 'Kubelet version skew' },
      ...verdict(old, `too old for ${next}`, 'The kubelets fit the next Kubernetes version.'),
      recommendation:
        'Upgrade your worker nodes to match the Kubernetes version of your cluster control plane.',
    },
    {
      ...{ ...upgrade, name: 'EKS add-on version compatibility' },
      // An upgrade of the add-on can follow that of the control plane: a warning, no error.
      ...verdict(
        unfit,
        `not compatible with ${next}`,
        'All installed EKS add-on versions are compatible.',
        'WARNING',
      ),
      recommendation: 'Update the add-ons to versions that are compatible with the next Kubernetes version.',
    },
  ];
  if (rollbackTo === undefined) return found;
  const back = { category: 'ROLLBACK_READINESS' as const, kubernetesVersion: rollbackTo };
  const newer = nodegroups.filter((group) => (minorsBetween(group.version, rollbackTo) ?? 0) < 0);
  const ahead = addons.filter((addon) => !isOffered(addon, rollbackTo));
  return [
    ...found,
    {
      ...{ ...back, name: 'Kubelet version rollback compatibility' },
      ...verdict(newer, `newer than ${rollbackTo}`, 'The kubelets fit the previous Kubernetes version.'),
      recommendation: 'Roll the worker nodes back before the control plane.',
    },
    {
      ...{ ...back, name: 'EKS add-on version rollback compatibility' },
      ...verdict(
        ahead,
        `not compatible with ${rollbackTo}`,
        'All installed EKS add-on versions are compatible.',
      ),
      recommendation:
        'Bring the add-ons to versions that are compatible with the previous Kubernetes version.',
    },
  ];
}

const isOffered = (
  { name, version }: { name: string; version: string },
  kubernetesVersion: string,
): boolean =>
  addonVersions(name, [kubernetesVersion]).some(
    ({ addonVersion, compatibilities }) => addonVersion === version && compatibilities.length > 0,
  );

const verdict = (
  culprits: { name: string; version: string }[],
  what: string,
  fine: string,
  status: InsightStatusValue = 'ERROR',
): Pick<Finding, 'status' | 'reason'> =>
  culprits.length === 0
    ? { status: 'PASSING', reason: fine }
    : {
        status,
        reason: `${culprits.map(({ name, version }) => `${name} (${version})`).join(', ')}: ${what}.`,
      };
