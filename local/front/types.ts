/** What the front hands to whatever stands behind it: one AWS request, authenticated and authorized. */

export type AwsService =
  | 'sqs'
  | 's3'
  | 'dynamodb'
  | 'eks'
  | 'autoscaling'
  | 'sts'
  | 'monitoring'
  | 'events'
  | 'scheduler'
  | 'states'
  | 'lambda'
  | 'ssm'
  | 'secretsmanager';

/** Who signed the request: a role of the synthesized template, or `admin` (the local runtime's own clients). */
export interface Principal {
  accessKeyId: string;
  secretAccessKey: string;
  roleArn: string;
  /** Logical id of the role in the template; `admin` for the runtime itself. */
  name: string;
  /** IAM policy documents, resolved (no tokens). An admin has one that allows everything. */
  policies: unknown[];
}

export interface AwsRequest {
  service: AwsService;
  /** API operation, as IAM spells it: `SetDesiredCapacity`, `ReceiveMessage`, `PutObject`. */
  operation: string;
  principal: Principal;
  method: string;
  /** Path and query as received. */
  url: string;
  headers: Record<string, string>;
  rawBody: Buffer;
  /**
   * The SDK's input shape whatever the protocol: times are Date, blobs Uint8Array. SQS and DynamoDB:
   * the JSON as sent; S3: bucket, key and conditions.
   */
  input: Record<string, unknown>;
}

export interface AwsResponse {
  status: number;
  headers?: Record<string, string>;
  body: string | Buffer;
}

/** A resource whose ARN holds an id that only the emulator knows. */
export interface ResourceRef {
  kind: 'autoScalingGroup' | 'instance' | 'cluster' | 'nodegroup' | 'secret';
  name: string;
  /** The cluster of a node group. */
  parent?: string;
}

/** What an IAM policy can name: the ARN (an instance's is its Auto Scaling group's) and the tags. */
export interface ResolvedResource {
  arn: string;
  tags?: Record<string, string>;
}

/** An emulated service. Throws AwsError for what AWS would refuse. */
export interface ServiceEmulator {
  readonly service: AwsService;
  handle(request: AwsRequest): Promise<unknown>;
  /** For IAM checks, before `handle`; undefined for what does not exist. */
  resolveResource?(ref: ResourceRef): ResolvedResource | undefined;
}

/** An error as AWS names it; the front renders it in the service's own wire protocol. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
  }
}

/** Faults that the front can inject; all counts and rates are seeded by the caller. */
export interface Fault {
  service: AwsService;
  /** Missing: every operation. */
  operation?: string;
  /**
   * `error`: refused with a 5xx, nothing is done. `answer-lost`: a 5xx, and all the same it is done. `duplicate`: what is received
   * is delivered a second time; `reorder`: it is kept back for a second, and what was sent later is received first.
   */
  kind: 'throttle' | 'error' | 'answer-lost' | 'down' | 'delay' | 'duplicate' | 'reorder';
  /** Share of matching requests, 0 to 1; default 1. */
  rate?: number;
  /** With `delay`: how long, milliseconds. */
  delayMs?: number;
}
