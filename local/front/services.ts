import type { AwsService } from './types.ts';

export type Protocol = 'json' | 'rest-json' | 'query' | 'rest-xml';

/** A code and HTTP status as one service spells a common error. */
export type Spelling = readonly [code: string, status: number];

export interface ServiceSpec {
  service: AwsService;
  /** Prefix of its actions in IAM policies. */
  iam: string;
  protocol: Protocol;
  /** `X-Amz-Target` before the dot (JSON protocols). */
  target?: string;
  jsonVersion?: '1.0' | '1.1';
  xmlNamespace?: string;
  /** Also names errors by its older query codes, in `x-amzn-query-error`. */
  queryCompatible?: boolean;
  /** Loads the SDK client whose schemas describe the operations; missing where requests are passed on as they are. */
  schemas?: () => Promise<object>;
  errors: Record<CommonError, Spelling>;
}

export type CommonError =
  | 'missing-authentication'
  | 'unknown-key'
  | 'wrong-signature'
  | 'skewed-clock'
  | 'denied'
  | 'throttled'
  | 'internal'
  | 'unknown-operation'
  | 'malformed';

type Errors = ServiceSpec['errors'];

/** JSON services of AWS's common framework; EKS, Lambda and Scheduler answer 403 where DynamoDB answers 400. */
const json = (refusal: 400 | 403, changed: Partial<Errors> = {}): Errors => ({
  'missing-authentication': ['MissingAuthenticationTokenException', refusal],
  'unknown-key': ['UnrecognizedClientException', refusal],
  'wrong-signature': ['InvalidSignatureException', refusal],
  'skewed-clock': ['InvalidSignatureException', refusal],
  denied: ['AccessDeniedException', refusal],
  throttled: ['ThrottlingException', refusal === 403 ? 429 : 400],
  internal: ['InternalFailure', 500],
  'unknown-operation': ['UnknownOperationException', refusal === 403 ? 404 : 400],
  malformed: ['SerializationException', 400],
  ...changed,
});

const query = (changed: Partial<Errors> = {}): Errors => ({
  'missing-authentication': ['MissingAuthenticationToken', 403],
  'unknown-key': ['InvalidClientTokenId', 403],
  'wrong-signature': ['SignatureDoesNotMatch', 403],
  'skewed-clock': ['SignatureDoesNotMatch', 403],
  denied: ['AccessDenied', 403],
  throttled: ['Throttling', 400],
  internal: ['InternalFailure', 500],
  'unknown-operation': ['InvalidAction', 400],
  malformed: ['MalformedQueryString', 400],
  ...changed,
});

const s3: Errors = {
  'missing-authentication': ['AccessDenied', 403],
  'unknown-key': ['InvalidAccessKeyId', 403],
  'wrong-signature': ['SignatureDoesNotMatch', 403],
  'skewed-clock': ['RequestTimeTooSkewed', 403],
  denied: ['AccessDenied', 403],
  throttled: ['SlowDown', 503],
  internal: ['InternalError', 500],
  'unknown-operation': ['NotImplemented', 501],
  malformed: ['InvalidRequest', 400],
};

const SPECS: readonly ServiceSpec[] = [
  {
    service: 'sqs',
    iam: 'sqs',
    protocol: 'json',
    target: 'AmazonSQS',
    jsonVersion: '1.0',
    queryCompatible: true,
    errors: query({ throttled: ['RequestThrottled', 403] }),
  },
  { service: 's3', iam: 's3', protocol: 'rest-xml', errors: s3 },
  {
    service: 'dynamodb',
    iam: 'dynamodb',
    protocol: 'json',
    target: 'DynamoDB_20120810',
    jsonVersion: '1.0',
    errors: json(400, { internal: ['InternalServerError', 500] }),
  },
  {
    service: 'eks',
    iam: 'eks',
    protocol: 'rest-json',
    schemas: () => import('@aws-sdk/client-eks'),
    errors: json(403),
  },
  {
    service: 'autoscaling',
    iam: 'autoscaling',
    protocol: 'query',
    xmlNamespace: 'http://autoscaling.amazonaws.com/doc/2011-01-01/',
    schemas: () => import('@aws-sdk/client-auto-scaling'),
    errors: query(),
  },
  {
    service: 'sts',
    iam: 'sts',
    protocol: 'query',
    xmlNamespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    schemas: () => import('@aws-sdk/client-sts'),
    errors: query(),
  },
  {
    service: 'monitoring',
    iam: 'cloudwatch',
    protocol: 'json',
    target: 'GraniteServiceVersion20100801',
    jsonVersion: '1.0',
    queryCompatible: true,
    schemas: () => import('@aws-sdk/client-cloudwatch'),
    errors: query(),
  },
  {
    service: 'events',
    iam: 'events',
    protocol: 'json',
    target: 'AWSEvents',
    jsonVersion: '1.1',
    schemas: () => import('@aws-sdk/client-eventbridge'),
    errors: json(400),
  },
  {
    service: 'scheduler',
    iam: 'scheduler',
    protocol: 'rest-json',
    schemas: () => import('@aws-sdk/client-scheduler'),
    errors: json(403),
  },
  {
    service: 'states',
    iam: 'states',
    protocol: 'json',
    target: 'AWSStepFunctions',
    jsonVersion: '1.0',
    schemas: () => import('@aws-sdk/client-sfn'),
    errors: json(400),
  },
  {
    service: 'lambda',
    iam: 'lambda',
    protocol: 'rest-json',
    schemas: () => import('@aws-sdk/client-lambda'),
    errors: json(403, { throttled: ['TooManyRequestsException', 429], internal: ['ServiceException', 500] }),
  },
  {
    service: 'ssm',
    iam: 'ssm',
    protocol: 'json',
    target: 'AmazonSSM',
    jsonVersion: '1.1',
    schemas: () => import('@aws-sdk/client-ssm'),
    errors: json(400),
  },
  {
    service: 'secretsmanager',
    iam: 'secretsmanager',
    protocol: 'json',
    target: 'secretsmanager',
    jsonVersion: '1.1',
    schemas: () => import('@aws-sdk/client-secrets-manager'),
    errors: json(400, { internal: ['InternalServiceError', 500] }),
  },
];

const BY_NAME = new Map<string, ServiceSpec>(SPECS.map((spec) => [spec.service, spec]));

/** By signing name; undefined for a service that the front does not stand before. */
export const findService = (signingName: string): ServiceSpec | undefined => BY_NAME.get(signingName);

export function serviceSpec(service: AwsService): ServiceSpec {
  const spec = BY_NAME.get(service);
  if (!spec) throw new Error(`no such service: ${service}`);
  return spec;
}
