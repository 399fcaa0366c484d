/** What EKS offers for which Kubernetes version. Names have EKS's form; which add-ons and releases there are is made up. */

/** Minor versions that EKS supports, oldest first. */
export const EKS_VERSIONS: readonly string[] = ['1.33', '1.34', '1.35', '1.36'];

/** `1.36` and `1.35` → 1. Undefined where one is no minor version, or of another major. */
export function minorsBetween(from: string, to: string): number | undefined {
  const [a, b] = [from, to].map((version) => /^(\d+)\.(\d+)$/.exec(version));
  return a && b && a[1] === b[1] ? Number(b[2]) - Number(a[2]) : undefined;
}

/** `-1` → the minor version before. */
export function minorBeside(version: string, steps: 1 | -1): string {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  return `${major}.${minor + steps}`;
}

/** Releases of the nodes' image for a version, oldest first. */
export const nodeReleases = (version: string): string[] => [`${version}.2-20260901`, `${version}.3-20261015`];

/** What the kubelet of a release calls itself. */
export const kubeletVersion = (release: string): string => `${release.split('-')[0]}-eks-local`;

interface AddonVersion {
  version: string;
  /** First and last Kubernetes version that it fits. */
  fits: [string, string];
  /** For which of them EKS takes it where nobody names one. Default: all. */
  standard?: string[];
}

/** Newest first. */
const ADDONS: Readonly<Record<string, AddonVersion[]>> = {
  'vpc-cni': [
    { version: 'v1.22.1-eksbuild.1', fits: ['1.33', '1.36'], standard: [] },
    { version: 'v1.21.0-eksbuild.2', fits: ['1.33', '1.36'] },
  ],
  // One that is older than its API server still fits, up to three minor versions.
  'kube-proxy': [
    { version: 'v1.36.2-eksbuild.1', fits: ['1.36', '1.36'] },
    { version: 'v1.35.4-eksbuild.2', fits: ['1.35', '1.36'], standard: ['1.35'] },
    { version: 'v1.34.8-eksbuild.1', fits: ['1.34', '1.36'], standard: ['1.34'] },
    { version: 'v1.33.13-eksbuild.1', fits: ['1.33', '1.36'], standard: ['1.33'] },
  ],
  coredns: [
    { version: 'v1.14.2-eksbuild.1', fits: ['1.36', '1.36'], standard: [] },
    { version: 'v1.13.2-eksbuild.4', fits: ['1.34', '1.36'], standard: ['1.36'] },
    { version: 'v1.12.4-eksbuild.6', fits: ['1.33', '1.35'] },
  ],
  'eks-pod-identity-agent': [{ version: 'v1.3.10-eksbuild.1', fits: ['1.33', '1.36'] }],
  'aws-ebs-csi-driver': [{ version: 'v1.60.0-eksbuild.1', fits: ['1.33', '1.36'] }],
  'amazon-cloudwatch-observability': [{ version: 'v5.4.0-eksbuild.1', fits: ['1.33', '1.36'] }],
  'eks-node-monitoring-agent': [{ version: 'v1.6.0-eksbuild.1', fits: ['1.33', '1.36'] }],
};

export const ADDON_NAMES: readonly string[] = Object.keys(ADDONS);

export interface OfferedVersion {
  addonVersion: string;
  /** Kubernetes versions that it fits, newest first, and for which of them EKS takes it by itself. */
  compatibilities: { clusterVersion: string; defaultVersion: boolean }[];
}

/** Versions of an add-on, newest first. */
export const addonVersions = (name: string, kubernetesVersions = EKS_VERSIONS): OfferedVersion[] =>
  (ADDONS[name] ?? []).map(({ version, fits, standard }) => ({
    addonVersion: version,
    compatibilities: kubernetesVersions
      .filter((kubernetes) => isWithin(kubernetes, fits))
      .map((clusterVersion) => ({
        clusterVersion,
        defaultVersion: standard?.includes(clusterVersion) ?? true,
      })),
  }));

const isWithin = (version: string, [first, last]: [string, string]): boolean =>
  (minorsBetween(first, version) ?? -1) >= 0 && (minorsBetween(version, last) ?? -1) >= 0;
