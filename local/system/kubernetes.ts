import {
  ApiException,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import type { Manifest } from '../template/manifests.ts';

const FIELD_MANAGER = 'paddock-deploy';

/**
 * Applies the template's manifests to the cluster as a deploy does, in order, with strict field validation.
 *
 * @throws Error that names the object and what the API server said of it.
 */
export async function applyManifests(kubeconfigPath: string, manifests: readonly Manifest[]): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath);
  const api = KubernetesObjectApi.makeApiClient(config);
  for (const manifest of manifests) {
    try {
      await api.patch(
        manifest as unknown as KubernetesObject,
        undefined,
        undefined,
        FIELD_MANAGER,
        true,
        PatchStrategy.ServerSideApply,
      );
    } catch (error) {
      const { kind, metadata } = manifest;
      const said = error instanceof ApiException ? String(error.body) : String(error);
      throw new Error(`The cluster refused ${kind} ${metadata.name}: ${said}`, { cause: error });
    }
  }
}
