import * as z from 'zod';
import { canonicalModel } from './model-names.ts';

/**
 * On a pool's workload (annotation `paddock.dev/upgrade`) while an upgrade works on it: the scaler reads it with what it lists
 * anyway, and shrinks nothing meanwhile.
 */
export const upgradeMarkSchema = z.strictObject({
  v: z.literal(1),
  /** Id of the execution. */
  holder: z.string().min(1),
  /** Epoch seconds; past it nobody renews the mark any more, and it counts for nothing. */
  until: z.number(),
  /** Nodes that the pool needs besides those of its replicas: the canary's. */
  spareNodes: z.int().nonnegative(),
  /** Replicas at least; 0: as the scaler decides. */
  replicas: z.int().nonnegative(),
});

export type UpgradeMark = z.infer<typeof upgradeMarkSchema>;

/** Undefined for none, and for one that can't be understood: nothing may stay unshrunk for ever because of it. */
export function parseUpgradeMark(text: string | undefined): UpgradeMark | undefined {
  if (text === undefined) return undefined;
  try {
    return upgradeMarkSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** SSM parameter with the image that the fleets' model servers run: the template reads it, and an upgrade writes it. */
export const ollamaImageParameter = (clusterName: string): string => `/paddock/${clusterName}/images/ollama`;

/** SSM parameter with the version that the cluster has: as the image. */
export const kubernetesVersionParameter = (clusterName: string): string =>
  `/paddock/${clusterName}/kubernetes-version`;

/** SSM parameter with the model that answers under a configured name: as the image. */
export const modelParameter = (clusterName: string, fleet: string, served: string): string =>
  `/paddock/${clusterName}/models/${fleet}/${canonicalModel(served).replaceAll(/[^a-z0-9_.-]/g, '_')}`;
