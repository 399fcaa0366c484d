import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Artifact, ensureArtifacts, isComplete, MIB } from '../build/artifacts.ts';
import { goOutput, type Purpose } from '../build/go.ts';
import type { Progress } from '../progress.ts';
import {
  commandGoMod,
  goModSchema,
  KUBERNETES_COMMANDS,
  kubernetesGoMod,
  kubernetesLdflags,
  kubernetesPackages,
} from './gomodule.ts';
import { type ClusterVersions, DEFAULT_KUBERNETES_VERSION, versionsFor } from './versions.ts';

/** Paths of the programs that make a cluster. */
export interface Binaries {
  etcd: string;
  kubeApiserver: string;
  kubeControllerManager: string;
  kubeScheduler: string;
  kwok: string;
}

const PURPOSE: Purpose = {
  what: 'the local Kubernetes',
  programs: 'the programs of Kubernetes',
  otherWay: 'or name a cluster of your own with --kubeconfig FILE',
};

/** The sizes were measured on linux/amd64 with Go 1.26. */
function artifacts(versions: ClusterVersions): Artifact[] {
  const command = (name: string, module: string, path: string, version: string, mib: number): Artifact => ({
    title: `${name} ${version}`,
    folder: `${name}-${version}`,
    programs: [name],
    packages: [path],
    ldflags: '',
    needs: { modules: 300 * MIB, buildCache: mib * MIB, binaries: 80 * MIB },
    goMod: async () => commandGoMod(name, module, version, versions.go),
  });
  return [
    {
      title: `Kubernetes ${versions.kubernetes}`,
      folder: `kubernetes-${versions.kubernetes}`,
      programs: KUBERNETES_COMMANDS,
      packages: kubernetesPackages,
      ldflags: kubernetesLdflags(versions.kubernetes),
      needs: { modules: 600 * MIB, buildCache: 2900 * MIB, binaries: 300 * MIB },
      goMod: (dir, explain) => prepareKubernetes(versions.kubernetes, dir, explain),
    },
    command('etcd', 'go.etcd.io/etcd/server/v3', 'go.etcd.io/etcd/server/v3', versions.etcd, 250),
    command('kwok', 'sigs.k8s.io/kwok', 'sigs.k8s.io/kwok/cmd/kwok', versions.kwok, 650),
  ];
}

const downloadSchema = z.object({ GoMod: z.string(), Dir: z.string() });

/** Its go.mod names the staging modules; its go.sum pins what everything must hash to. */
async function prepareKubernetes(
  version: string,
  dir: string,
  explain: (stderr: string) => Error,
): Promise<string> {
  const download = await goOutput(['mod', 'download', '-json', `k8s.io/kubernetes@${version}`], dir, explain);
  const module = downloadSchema.parse(JSON.parse(download));
  const own = await goOutput(['mod', 'edit', '-json', module.GoMod], dir, explain);
  copyFileSync(join(module.Dir, 'go.sum'), join(dir, 'go.sum'));
  return kubernetesGoMod(version, goModSchema.parse(JSON.parse(own)));
}

/**
 * The cluster's programs, built from source with the Go toolchain where they are missing (once per version; minutes).
 * Throws what `ensureArtifacts` throws.
 */
export async function ensureBinaries(options: {
  cacheDir: string;
  /** Minor version, such as `1.36`. */
  kubernetesVersion: string;
  progress: Progress;
}): Promise<Binaries> {
  const versions = versionsFor(options.kubernetesVersion);
  await ensureArtifacts(artifacts(versions), { ...options, go: versions.go, purpose: PURPOSE });
  const bin = join(options.cacheDir, 'bin');
  const kubernetes = join(bin, `kubernetes-${versions.kubernetes}`);
  return {
    etcd: join(bin, `etcd-${versions.etcd}`, 'etcd'),
    kubeApiserver: join(kubernetes, 'kube-apiserver'),
    kubeControllerManager: join(kubernetes, 'kube-controller-manager'),
    kubeScheduler: join(kubernetes, 'kube-scheduler'),
    kwok: kwokPath(bin, versions),
  };
}

/** Whether all of them are built. @param kubernetesVersion minor version, such as `1.36` */
export function hasBinaries(cacheDir: string, kubernetesVersion: string): boolean {
  return artifacts(versionsFor(kubernetesVersion)).every((one) => isComplete(join(cacheDir, 'bin'), one));
}

/** KWOK alone, for a cluster that runs elsewhere. Builds and throws as `ensureBinaries` does. */
export async function ensureKwok(options: { cacheDir: string; progress: Progress }): Promise<string> {
  const versions = versionsFor(DEFAULT_KUBERNETES_VERSION);
  const kwok = artifacts(versions).filter(({ programs }) => programs.includes('kwok'));
  await ensureArtifacts(kwok, { ...options, go: versions.go, purpose: PURPOSE });
  return kwokPath(join(options.cacheDir, 'bin'), versions);
}

const kwokPath = (bin: string, { kwok }: ClusterVersions): string => join(bin, `kwok-${kwok}`, 'kwok');
