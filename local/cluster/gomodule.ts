import { z } from 'zod';
import { majorMinor } from './versions.ts';

/** The parts of `go mod edit -json` that a generated module needs. */
export const goModSchema = z.object({
  Go: z.string(),
  Replace: z
    .array(z.object({ Old: z.object({ Path: z.string() }), New: z.object({ Path: z.string() }) }))
    .nullable()
    .optional(),
});

export type GoMod = z.infer<typeof goModSchema>;

export const KUBERNETES_COMMANDS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;

export const kubernetesPackages: string[] = KUBERNETES_COMMANDS.map(
  (command) => `k8s.io/kubernetes/cmd/${command}`,
);

/** The published version of Kubernetes' staging modules: `v1.36.3` → `v0.36.3`. */
export function stagingVersion(kubernetes: string): string {
  return kubernetes.replace(/^v1\./, 'v0.');
}

/**
 * A module that builds Kubernetes' commands. Kubernetes replaces its staging modules with folders of its own repository,
 * which a dependent does not see: each is replaced with its published version instead.
 */
export function kubernetesGoMod(kubernetes: string, own: GoMod): string {
  const staging = (own.Replace ?? []).filter(({ New }) => New.Path.startsWith('./staging/'));
  if (staging.length === 0) {
    throw new Error(`the go.mod of k8s.io/kubernetes ${kubernetes} names no staging modules`);
  }
  const [major, minor] = majorMinor(own.Go);
  return [
    'module paddock-kubernetes',
    `go ${own.Go}`,
    `godebug default=go${major}.${minor}`,
    `require k8s.io/kubernetes ${kubernetes}`,
    'replace (',
    ...staging.map(({ Old }) => `\t${Old.Path} => ${Old.Path} ${stagingVersion(kubernetes)}`),
    ')',
    'tool (',
    ...kubernetesPackages.map((path) => `\t${path}`),
    ')',
    '',
  ].join('\n');
}

/** A module that builds one command of another module. */
export function commandGoMod(name: string, module: string, version: string, go: string): string {
  return [`module paddock-${name}`, `go ${go}.0`, `require ${module} ${version}`, ''].join('\n');
}

/** Without these a self-built Kubernetes says v0.0.0-master, which clients refuse to read as a version. */
export function kubernetesLdflags(kubernetes: string): string {
  const [major, minor] = majorMinor(kubernetes);
  const values = { gitVersion: kubernetes, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
    .flatMap((path) => Object.entries(values).map(([name, value]) => `-X ${path}.${name}=${value}`))
    .join(' ');
}
