/** Kubernetes versions as EKS writes them (`1.36`), and tags of images. */

export interface Minor {
  major: number;
  minor: number;
}

/** `1.36`, `v1.36.2`, `1.36.2-eks-1`. Undefined for anything else. */
function parseMinor(version: string): Minor | undefined {
  const match = /^v?(\d+)\.(\d+)(?:[.-]|$)/.exec(version);
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}

/** `1.36.2-20260820` → `1.36`. Undefined for what is no version. */
export function minorOf(version: string): string | undefined {
  const parsed = parseMinor(version);
  return parsed && `${parsed.major}.${parsed.minor}`;
}

/** Minor versions from one to the other; undefined where one of them is none, or the major differs. */
export function minorsBetween(from: string, to: string): number | undefined {
  const [a, b] = [parseMinor(from), parseMinor(to)];
  return a && b && a.major === b.major ? b.minor - a.minor : undefined;
}

/** `0.18.0` → the image of the same repository with that tag; an image stays what it is. */
export function imageOf(to: string, current: string): string {
  if (to.includes('/') || to.includes('@') || to.includes(':')) return to;
  return `${repositoryOf(current)}:${to}`;
}

const repositoryOf = (image: string): string => {
  const withoutDigest = image.split('@')[0] ?? image;
  const colon = withoutDigest.lastIndexOf(':');
  return colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(0, colon) : withoutDigest;
};
