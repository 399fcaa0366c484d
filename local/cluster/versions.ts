/** What runs for one Kubernetes minor version. Another minor is another entry. */
export interface ClusterVersions {
  /** Released version; its staging modules are `v0.<minor>.<patch>`. */
  kubernetes: string;
  etcd: string;
  kwok: string;
  /** Oldest Go that builds all of them. */
  go: string;
}

/** The same in every version: an upgrade of the control plane goes on with the data of the one before it. */
const AROUND = { etcd: 'v3.6.8', kwok: 'v0.8.0', go: '1.26' };

const VERSIONS: Record<string, ClusterVersions> = {
  '1.35': { kubernetes: 'v1.35.4', ...AROUND },
  '1.36': { kubernetes: 'v1.36.3', ...AROUND },
};

/** Minor versions that run locally, oldest first. */
export const KUBERNETES_VERSIONS: readonly string[] = Object.keys(VERSIONS);

export const DEFAULT_KUBERNETES_VERSION = '1.36';

/** Oldest cluster that `--kubeconfig` may name. */
export const OLDEST_KUBERNETES_VERSION = '1.33';

/** The versions for a minor such as `1.36`. Throws for one that the local runtime does not build. */
export function versionsFor(kubernetesVersion: string): ClusterVersions {
  const versions = VERSIONS[kubernetesVersion];
  if (versions === undefined) {
    throw new Error(
      `Kubernetes ${kubernetesVersion} is not among those that run locally (${KUBERNETES_VERSIONS.join(', ')}). ` +
        'Choose one of them, or name a cluster of your own with --kubeconfig FILE.',
    );
  }
  return versions;
}

/** Major and minor of `1.36`, `v1.36.3`, `go1.26.8` or `v1.33.4-eks-1`. Throws when there is none. */
export function majorMinor(version: string): [number, number] {
  const match = /(\d+)\.(\d+)/.exec(version);
  if (match === null) {
    throw new Error(`'${version}' is not a version`);
  }
  return [Number(match[1]), Number(match[2])];
}

/** True when `version` is `least` or newer, by major and minor. */
export function isAtLeast(version: string, least: string): boolean {
  const [major, minor] = majorMinor(version);
  const [leastMajor, leastMinor] = majorMinor(least);
  return major === leastMajor ? minor >= leastMinor : major > leastMajor;
}
