import { type ICluster, KubernetesManifest } from 'aws-cdk-lib/aws-eks-v2';
import type { Construct, IDependable } from 'constructs';
import { type Manifest, namespace } from '../../workloads/index.ts';

/**
 * Applies manifests in a given order. They belong to `scope`'s stack, not to the cluster's: `cluster.addManifest`
 * would make the two stacks refer to each other.
 */
export class ManifestSet {
  readonly #scope: Construct;
  readonly #cluster: ICluster;
  readonly #namespace: KubernetesManifest;
  readonly #apis = new Set<string>();

  constructor(scope: Construct, cluster: ICluster) {
    this.#scope = scope;
    this.#cluster = cluster;
    this.#namespace = this.#apply('Namespace', [namespace()]);
  }

  /** `apiVersion` of all that was added so far. */
  get usedApis(): string[] {
    return [...this.#apis].sort();
  }

  /** After the namespace, and after whatever else is named. */
  add(id: string, manifests: Manifest[], ...after: IDependable[]): KubernetesManifest {
    const applied = this.#apply(id, manifests);
    applied.node.addDependency(this.#namespace, ...after);
    return applied;
  }

  #apply(id: string, manifest: Manifest[]): KubernetesManifest {
    for (const { apiVersion } of manifest) if (apiVersion) this.#apis.add(apiVersion);
    return new KubernetesManifest(this.#scope, `Manifest-${id}`, {
      cluster: this.#cluster,
      manifest: manifest as Record<string, unknown>[],
    });
  }
}
