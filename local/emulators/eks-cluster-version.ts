import type { Cluster, Update } from '@aws-sdk/client-eks';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import type { Insights } from './eks-insights.ts';
import { EKS_VERSIONS, minorsBetween } from './eks-kubernetes-versions.ts';
import { Updates, type UpdatesOptions } from './eks-updates.ts';
import { parse } from './operations.ts';

/** Source: EKS, 'Roll back a cluster to a previous Kubernetes version'. */
const ROLLBACK_MS = 7 * 86_400_000;

const updateInput = z.object({ version: z.string(), force: z.boolean().default(false) });

export interface ClusterVersionOptions extends Omit<UpdatesOptions, 'busy'> {
  /** What it starts with. */
  version: string;
  nodegroups(): { name: string; version: string }[];
  insights(): Insights;
  /** Until the control plane is replaced. */
  updateSeconds: number;
  /** Replaces the control plane. Rejects when the one before serves on. */
  changeVersion(kubernetesVersion: string): Promise<void>;
}

/** The Kubernetes version of a cluster's control plane, forth and back. */
export class ClusterVersion {
  readonly updates: Updates;
  readonly #options: ClusterVersionOptions;
  #version: string;
  /** The last upgrade in place: what may be rolled back. */
  #upgraded: { from: string; at: number } | undefined;

  constructor(options: ClusterVersionOptions) {
    this.#options = options;
    this.#version = options.version;
    this.updates = new Updates({
      ...options,
      busy: 'Cannot proceed with update: the cluster has an update in progress',
    });
  }

  get version(): string {
    return this.#version;
  }

  get status(): Cluster['status'] {
    return this.updates.isUnderWay ? 'UPDATING' : 'ACTIVE';
  }

  /** The version that EKS would take it back to. */
  get rollbackTo(): string | undefined {
    const { now } = this.#options;
    return this.#upgraded && now() - this.#upgraded.at <= ROLLBACK_MS ? this.#upgraded.from : undefined;
  }

  /**
   * One minor version forth, or back to where it came from.
   *
   * @throws AwsError InvalidParameterException (the version), InvalidRequestException (what stands in the way),
   * ResourceInUseException
   */
  update(input: unknown): { update: Update } {
    const { version, force } = parse(updateInput, input, 'InvalidParameterException');
    this.updates.checkIdle();
    if (!EKS_VERSIONS.includes(version))
      throw new AwsError('InvalidParameterException', 'unsupported Kubernetes version');
    const distance = minorsBetween(this.#version, version);
    if (distance === 1) this.#checkUpgrade();
    else if (distance === -1) this.#checkRollback(version, force);
    else
      throw new AwsError(
        'InvalidParameterException',
        `Unsupported Kubernetes minor version update from ${this.#version} to ${version}`,
      );
    return { update: this.#begin(version, distance === 1) };
  }

  #begin(version: string, isUpgrade: boolean): Update {
    const { updateSeconds, changeVersion, now } = this.#options;
    const type = isUpgrade ? 'VersionUpdate' : 'VersionRollback';
    const params = [
      { type: 'Version' as const, value: version },
      { type: 'PlatformVersion' as const, value: 'eks.1' },
    ];
    return this.updates.begin(type, params, updateSeconds, async (failure) => {
      // One that fails leaves the control plane as it was: EKS reverts it itself.
      if (failure) throw failure;
      await changeVersion(version);
      this.#upgraded = isUpgrade ? { from: this.#version, at: now() } : undefined;
      this.#version = version;
      this.#options.insights().look();
    });
  }

  #checkUpgrade(): void {
    const behind = this.#options.nodegroups().filter(({ version }) => version !== this.#version);
    if (behind.length > 0)
      throw refused(
        `Nodegroups ${behind.map(({ name }) => name).join(', ')} must be updated to match cluster version ${this.#version} before updating cluster version`,
      );
  }

  /** `force` passes over what insights say, and over nothing else. */
  #checkRollback(version: string, force: boolean): void {
    if (this.#upgraded === undefined)
      throw refused(`Cluster was not upgraded to ${this.#version}: it cannot be rolled back to ${version}`);
    if (this.rollbackTo !== version)
      throw refused(
        `Cluster was upgraded to ${this.#version} more than 7 days ago: it cannot be rolled back`,
      );
    if (force) return;
    const insights = this.#options.insights();
    insights.look();
    const errors = insights.list({ categories: ['ROLLBACK_READINESS'], statuses: ['ERROR'] });
    if (errors.length > 0)
      throw refused(
        `Rollback is blocked by insights: ${errors.map((one) => `${one.name}: ${one.insightStatus?.reason}`).join('; ')}`,
      );
  }
}

const refused = (message: string): AwsError => new AwsError('InvalidRequestException', message);
