import type { ObjectRef } from './claim.ts';

/** A Kubernetes cluster that a local run uses. */
export interface Cluster {
  /** Of an administrator (`system:masters` in a cluster that was started here). */
  readonly kubeconfigPath: string;
  /** `https://127.0.0.1:<port>`; takes EKS tokens. */
  readonly server: string;
  /** PEM of the serving CA, base64: what EKS calls `certificateAuthority.data`. */
  readonly caData: string;
  /** The API server's audit log (see `auditPolicy`); undefined unless one was asked for. */
  readonly auditLog: string | undefined;
  /** Labels for the nodes that are added, by which they are told from others'; none in a cluster of our own. */
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** Told before objects are applied. Throws when the cluster, not being our own, has one of them already. */
  claim(objects: readonly ObjectRef[]): Promise<void>;
  /** Ends the API server and starts it again at the same address; resolves when it is ready. */
  restartApiserver(): Promise<void>;
  /**
   * Brings the control plane to another minor version, on the same data and at the same address, building it first where it is
   * missing; the API is away for seconds. Resolves when it serves. Rejects with what went wrong once the version before serves again.
   */
  changeVersion(kubernetesVersion: string): Promise<void>;
  /** Ends what was started for it; from an existing cluster all that was claimed and every marked node is removed. */
  stop(): Promise<void>;
}
