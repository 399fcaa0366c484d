import type { Addon, AddonInfo, AddonIssue, AddonStatus, Update } from '@aws-sdk/client-eks';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import { notFound } from './eks-access.ts';
import { ADDON_NAMES, addonVersions } from './eks-kubernetes-versions.ts';
import { type UpdateFailure, Updates, type UpdatesOptions } from './eks-updates.ts';
import { parse } from './operations.ts';

interface StoredAddon {
  readonly name: string;
  readonly arn: string;
  version: string;
  status: AddonStatus;
  issues: AddonIssue[];
  configurationValues: string | undefined;
  readonly createdAt: Date;
  modifiedAt: Date;
  readonly updates: Updates;
}

const updateInput = z.object({
  addonName: z.string(),
  addonVersion: z.string().optional(),
  configurationValues: z.string().optional(),
  resolveConflicts: z.enum(['OVERWRITE', 'NONE', 'PRESERVE']).default('NONE'),
});

export interface AddonsOptions extends Omit<UpdatesOptions, 'busy'> {
  /** The cluster's name and Kubernetes version, now. */
  cluster(): { name: string; version: string };
  /** How long an update takes. */
  updateSeconds: number;
  arn(kind: string, resource: string): string;
}

/** The cluster's managed add-ons. What they would run in the cluster is not played. */
export class Addons {
  readonly #options: AddonsOptions;
  readonly #byName = new Map<string, StoredAddon>();

  constructor(options: AddonsOptions) {
    this.#options = options;
  }

  /** As a deployment makes it: without a version it gets the one that EKS prefers. Throws InvalidParameterException. */
  add(name: string, configurationValues?: string): void {
    const { ids, now, arn, cluster } = this.#options;
    const offered = this.#offered(name, cluster().version);
    const version = offered.find((one) => one.isDefault)?.version;
    if (version === undefined) throw unsupported(name, cluster().version);
    const at = new Date(now());
    this.#byName.set(name, {
      ...{ name, version, status: 'ACTIVE', issues: [], configurationValues, createdAt: at, modifiedAt: at },
      arn: arn('addon', `${cluster().name}/${name}/${ids.uuid()}`),
      updates: new Updates({
        ...this.#options,
        busy: `Addon ${name} cannot be updated as it is currently in UPDATING state`,
      }),
    });
  }

  names(): string[] {
    return [...this.#byName.keys()].sort();
  }

  /** Each with its version, for those who look whether it fits another Kubernetes. */
  all(): { name: string; version: string }[] {
    return this.names().map((name) => ({ name, version: this.find(name).version }));
  }

  /** Throws ResourceNotFoundException. */
  find(name: string | undefined): StoredAddon {
    const addon = this.#byName.get(name ?? '');
    if (!addon) throw notFound(`No addon: ${name} found in cluster: ${this.#options.cluster().name}`);
    return addon;
  }

  describe(name: string | undefined): Addon {
    const { arn, version, status, issues, configurationValues, createdAt, modifiedAt } = this.find(name);
    return {
      ...(name !== undefined && { addonName: name }),
      ...(configurationValues !== undefined && { configurationValues }),
      ...{ clusterName: this.#options.cluster().name, addonArn: arn, addonVersion: version, status },
      ...{ health: { issues }, createdAt, modifiedAt, owner: 'aws', publisher: 'eks', tags: {} },
    };
  }

  /** All that EKS offers, or of one add-on, or for one Kubernetes version. */
  versions({
    addonName,
    kubernetesVersion,
  }: {
    addonName?: string;
    kubernetesVersion?: string;
  }): AddonInfo[] {
    if (addonName !== undefined && !ADDON_NAMES.includes(addonName))
      throw notFound(`Addon ${addonName} specified is not supported`);
    return ADDON_NAMES.filter((name) => addonName === undefined || name === addonName).flatMap((name) => {
      const fitting = addonVersions(name)
        .map((one) => ({
          ...one,
          compatibilities: one.compatibilities
            .filter(({ clusterVersion }) => [undefined, clusterVersion].includes(kubernetesVersion))
            .map((compatibility) => ({ ...compatibility, platformVersions: ['*'] })),
        }))
        .filter(({ compatibilities }) => compatibilities.length > 0);
      if (fitting.length === 0) return [];
      return [{ addonName: name, owner: 'aws', publisher: 'eks', addonVersions: fitting }];
    });
  }

  /** Throws InvalidParameterException, ResourceInUseException, ResourceNotFoundException. */
  update(input: unknown): { update: Update } {
    const fields = parse(updateInput, input, 'InvalidParameterException');
    const addon = this.find(fields.addonName);
    const version = fields.addonVersion ?? addon.version;
    const { cluster, updateSeconds } = this.#options;
    const offered = this.#offered(addon.name, cluster().version);
    if (!offered.some((one) => one.version === version)) throw unsupported(addon.name, cluster().version);
    const params = [
      { type: 'AddonVersion' as const, value: version },
      { type: 'ResolveConflicts' as const, value: fields.resolveConflicts },
    ];
    const update = addon.updates.begin('AddonUpdate', params, updateSeconds, (failure) =>
      this.#finish(addon, version, fields.configurationValues, failure),
    );
    addon.status = 'UPDATING';
    return { update };
  }

  #finish(
    addon: StoredAddon,
    version: string,
    configurationValues: string | undefined,
    failure: UpdateFailure | undefined,
  ): void {
    addon.modifiedAt = new Date(this.#options.now());
    if (failure) {
      addon.status = 'UPDATE_FAILED';
      addon.issues = [
        { code: 'InternalFailure', message: failure.message, resourceIds: failure.resourceIds },
      ];
      throw failure;
    }
    Object.assign(addon, { version, status: 'ACTIVE', issues: [] });
    addon.configurationValues = configurationValues ?? addon.configurationValues;
  }

  #offered(name: string, kubernetesVersion: string): { version: string; isDefault: boolean }[] {
    return addonVersions(name, [kubernetesVersion]).flatMap(({ addonVersion, compatibilities }) =>
      compatibilities.map(({ defaultVersion }) => ({ version: addonVersion, isDefault: defaultVersion })),
    );
  }
}

const unsupported = (name: string, kubernetesVersion: string): AwsError =>
  new AwsError(
    'InvalidParameterException',
    `Addon version specified is not supported: ${name} in cluster version ${kubernetesVersion}`,
  );
