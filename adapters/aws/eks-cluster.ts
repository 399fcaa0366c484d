import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { STSClient } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';
import { mapAwsError, UnavailableError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

/** Where a cluster's Kubernetes API answers. */
export interface ClusterEndpoint {
  server: string;
  /** Certificate authority, PEM in base64. */
  caData: string;
}

export interface EksCluster {
  /** Kept until `forget`. Throws NotFoundError (no such cluster), RefusedError, UnavailableError. */
  endpoint(): Promise<ClusterEndpoint>;
  /** A bearer token for the Kubernetes API, kept while it is good. Throws UnavailableError. */
  token(): Promise<string>;
  /** Drops what is kept: the endpoint or the token was not accepted. */
  forget(): void;
}

/** EKS takes a token for 15 minutes after it was signed; the last one is left as a margin. */
const TOKEN_MS = 14 * 60_000;
const TOKEN_PREFIX = 'k8s-aws-v1.';

export interface AwsEksClusterOptions {
  eks?: EKSClient;
  sts?: STSClient;
  /** For `AWS_ENDPOINT_URL_STS` and `AWS_ENDPOINT_URL`; default the process's. */
  env?: Record<string, string | undefined>;
  /** Epoch milliseconds. */
  now?: () => number;
}

export class AwsEksCluster implements EksCluster {
  readonly #name: string;
  readonly #eks: EKSClient;
  readonly #sts: STSClient;
  readonly #env: Record<string, string | undefined>;
  readonly #now: () => number;
  #endpoint: Promise<ClusterEndpoint> | undefined;
  #token: { until: number; value: Promise<string> } | undefined;

  constructor(name: string, options: AwsEksClusterOptions = {}) {
    this.#name = name;
    this.#eks = options.eks ?? new EKSClient(clientOptions());
    this.#sts = options.sts ?? new STSClient(clientOptions());
    this.#env = options.env ?? process.env;
    this.#now = options.now ?? Date.now;
  }

  endpoint(): Promise<ClusterEndpoint> {
    this.#endpoint ??= this.#describe().catch((error: unknown) => {
      this.#endpoint = undefined;
      throw mapAwsError(error, `describe the cluster ${this.#name}`);
    });
    return this.#endpoint;
  }

  token(): Promise<string> {
    if (!this.#token || this.#now() >= this.#token.until) {
      const value = this.#sign().catch((error: unknown) => {
        this.#token = undefined;
        throw mapAwsError(error, `sign a token for the cluster ${this.#name}`);
      });
      this.#token = { until: this.#now() + TOKEN_MS, value };
    }
    return this.#token.value;
  }

  forget(): void {
    this.#endpoint = undefined;
    this.#token = undefined;
  }

  async #describe(): Promise<ClusterEndpoint> {
    const { cluster } = await this.#eks.send(new DescribeClusterCommand({ name: this.#name }));
    const server = cluster?.endpoint;
    const caData = cluster?.certificateAuthority?.data;
    if (server && caData) return { server, caData };
    throw new UnavailableError(
      `the cluster ${this.#name} has no endpoint yet (status ${cluster?.status})`,
      'NoEndpoint',
    );
  }

  /** The token is a presigned GetCallerIdentity: who can replay it to STS is who signed it. */
  async #sign(): Promise<string> {
    const { credentials, region, sha256 } = this.#sts.config;
    const url = await this.#stsUrl();
    const signer = new SignatureV4({ service: 'sts', region: await region(), credentials, sha256 });
    const signed = await signer.presign(
      {
        method: 'GET',
        protocol: url.protocol,
        hostname: url.hostname,
        ...(url.port ? { port: Number(url.port) } : {}),
        path: '/',
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: url.host, 'x-k8s-aws-id': this.#name },
      },
      { expiresIn: 60, signingDate: new Date(this.#now()) },
    );
    const query = Object.entries(signed.query ?? {}).map(
      ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
    );
    const presigned = `${url.protocol}//${url.host}/?${query.join('&')}`;
    return TOKEN_PREFIX + Buffer.from(presigned).toString('base64url');
  }

  /** EKS takes only the region's own endpoint; an endpoint from the environment goes first. */
  async #stsUrl(): Promise<URL> {
    const configured = this.#env.AWS_ENDPOINT_URL_STS ?? this.#env.AWS_ENDPOINT_URL;
    if (configured) return new URL(configured);
    const Region = await this.#sts.config.region();
    return this.#sts.config.endpointProvider({ Region, UseGlobalEndpoint: false }).url;
  }
}
