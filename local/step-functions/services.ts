import type { ErrorNames } from './task-error.ts';

export interface ClientSettings {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

export interface SdkClient {
  send(command: unknown, options?: { abortSignal?: AbortSignal }): Promise<Record<string, unknown>>;
  destroy(): void;
}

export type SdkModule = Record<string, new (input: object) => object>;

interface Service {
  readonly load: () => Promise<unknown>;
  readonly client: string;
  /** The base of the service's exceptions. */
  readonly base: string;
  /** Error names of the AWS SDK integration. */
  readonly errors: ErrorNames;
}

const named = (prefix: string): ErrorNames => ({ prefix, undeclared: `${prefix}Exception` });

/** Services by the name that a Resource ARN uses (`arn:aws:states:::aws-sdk:<name>:<action>`). */
export const SERVICES: Readonly<Record<string, Service>> = {
  autoscaling: {
    load: () => import('@aws-sdk/client-auto-scaling'),
    client: 'AutoScalingClient',
    base: 'AutoScalingServiceException',
    errors: named('AutoScaling'),
  },
  dynamodb: {
    load: () => import('@aws-sdk/client-dynamodb'),
    client: 'DynamoDBClient',
    base: 'DynamoDBServiceException',
    errors: named('DynamoDb'),
  },
  eks: {
    load: () => import('@aws-sdk/client-eks'),
    client: 'EKSClient',
    base: 'EKSServiceException',
    errors: named('Eks'),
  },
  lambda: {
    load: () => import('@aws-sdk/client-lambda'),
    client: 'LambdaClient',
    base: 'LambdaServiceException',
    errors: named('Lambda'),
  },
  sfn: {
    load: () => import('@aws-sdk/client-sfn'),
    client: 'SFNClient',
    base: 'SFNServiceException',
    errors: named('Sfn'),
  },
  sqs: {
    load: () => import('@aws-sdk/client-sqs'),
    client: 'SQSClient',
    base: 'SQSServiceException',
    errors: named('Sqs'),
  },
  ssm: {
    load: () => import('@aws-sdk/client-ssm'),
    client: 'SSMClient',
    base: 'SSMServiceException',
    errors: named('Ssm'),
  },
};

/** Optimized integrations have names of their own, from an older SDK. */
export const OPTIMIZED: Readonly<Record<string, ErrorNames>> = {
  dynamodb: { prefix: 'DynamoDB', undeclared: 'AmazonDynamoDBException' },
  lambda: { prefix: 'Lambda', undeclared: 'AWSLambdaException' },
  states: { prefix: 'StepFunctions', undeclared: 'AWSStepFunctionsException' },
};
