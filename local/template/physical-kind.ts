/** What the templates are resolved for. */
export interface Environment {
  readonly accountId: string;
  readonly region: string;
  /** `aws` unless stated. */
  readonly partition: string;
  /** Base URL of the HTTP front, without a trailing slash: queue URLs start with it. */
  readonly frontUrl: string;
  /** URL of the Kubernetes API server. */
  readonly clusterEndpoint: string;
  /** The API server's certificate authority, PEM in base64, as EKS gives it. */
  readonly clusterCa: string;
  /** Where the HTTP API answers, without a slash at its end; default: the name that AWS would give it. */
  readonly httpApiUrl?: string;
}

/** A resource as the table in physical.ts sees it. */
export interface PhysicalScope {
  readonly env: Environment;
  readonly stack: string;
  readonly logicalId: string;
  readonly name: string;
  readonly ref: string;
  /** A resolved property; undefined when it isn't there. */
  property(name: string): unknown;
  text(name: string): string | undefined;
  /** As `property`; throws TemplateError when it isn't there. */
  required(name: string): unknown;
  /** An id such as `sg-0123…` (17 digits), the same in every run. */
  hex(prefix: string, salt?: string): string;
}

export type Attributes = Readonly<Record<string, (scope: PhysicalScope) => unknown>>;

export interface Kind {
  /** The property that states the name, and the limit of a generated one. */
  readonly name?: {
    readonly property: string;
    readonly max: number;
    readonly lowerCase?: boolean;
    /** Instead of the stack's name. */
    readonly prefix?: string;
    readonly suffix?: (scope: Omit<PhysicalScope, 'name' | 'ref'>) => string;
  };
  /** Default: the name. */
  readonly ref?: (scope: PhysicalScope) => string;
  readonly attributes: Attributes;
}

export const arn = (s: PhysicalScope, service: string, resource: string): string =>
  `arn:${s.env.partition}:${service}:${s.env.region}:${s.env.accountId}:${resource}`;

/** A type whose Ref is an id such as `vpc-0123…`, readable as the attribute `idAttribute` as well. */
export const idKind = (prefix: string, idAttribute: string, attributes: Attributes = {}): Kind => ({
  ref: (s) => s.hex(prefix),
  attributes: { [idAttribute]: (s) => s.ref, ...attributes },
});
