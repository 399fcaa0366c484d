import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  CorsHttpMethod,
  HttpApi,
  HttpStage,
  LogGroupLogDestination,
  PayloadFormatVersion,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { CfnSecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { apiKeysSecretName } from '../../core/protocol/api-keys.ts';
import { RATE_KEY_PREFIX } from '../../core/protocol/names.ts';
import type { PaddockConfig } from '../config/index.ts';
import { acceptFindings, LOGS_OF_AWS_KEY, PatternStatement } from './findings.ts';
import { PaddockFunction } from './paddock-function.ts';

export interface GatewayProps {
  readonly config: PaddockConfig;
  readonly fleets: readonly {
    readonly name: string;
    readonly models: readonly string[];
    readonly queue: IQueue;
  }[];
  readonly results: IBucket;
  readonly table: Table;
  readonly scale: IStateMachine;
}

/** API Gateway waits 30 s for a function, and this one tells a client itself when something takes too long. */
const TIMEOUT_SECONDS = 28;

/** The HTTP API of docs/gateway.md: one route, one function, and the secret that holds its keys' hashes. */
export class Gateway extends Construct {
  readonly url: string;
  readonly secretName: string;

  constructor(scope: Construct, id: string, props: GatewayProps) {
    super(scope, id);
    const { config } = props;
    this.secretName = apiKeysSecretName(config.cluster.name);
    // Without a value: what `paddock keys` writes is never part of a template.
    const secret = new CfnSecret(this, 'Keys', {
      name: this.secretName,
      description: 'SHA-256 hashes of the API keys of the gateway; written by "paddock keys"',
    });
    acceptFindings(secret, {
      'AwsSolutions-SMG4':
        'It holds hashes of keys that people hold: each key is replaced with its holder, by "paddock keys".',
      CKV_AWS_149: "Secrets Manager encrypts with AWS's own key for it; what is in it are hashes.",
    });
    const fn = this.#function(props, secret);
    const api = this.#api(config, fn);
    this.url = api.apiEndpoint;
  }

  #function({ config, fleets, results, table, scale }: GatewayProps, secret: CfnSecret): PaddockFunction {
    const clusterName = config.cluster.name;
    const objects = (folder: string) => results.arnForObjects(`${folder}/*`);
    return new PaddockFunction(this, 'Gateway', {
      name: 'gateway',
      clusterName,
      description: 'The HTTP API: puts requests into the queues and reads their results',
      // CPU comes with memory: a cold start loads four SDK clients.
      memoryMiB: 1024,
      timeoutSeconds: TIMEOUT_SECONDS,
      logRetentionDays: config.logRetentionDays,
      environment: {
        PADDOCK_FLEETS: Stack.of(this).toJsonString(
          fleets.map(({ name, models, queue }) => ({ name, models, queueUrl: queue.queueUrl })),
        ),
        PADDOCK_TABLE: table.tableName,
        PADDOCK_RESULTS_BUCKET: results.bucketName,
        PADDOCK_API_KEYS_SECRET: this.secretName,
        PADDOCK_SCALE_MACHINE: scale.stateMachineArn,
        PADDOCK_MAX_BODY_BYTES: String(config.gateway.maxBodyBytes),
        ...(config.gateway.perKey && { PADDOCK_KEY_LIMIT: JSON.stringify(config.gateway.perKey) }),
      },
      statements: [
        new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [secret.ref] }),
        new PolicyStatement({
          actions: ['sqs:SendMessage'],
          resources: fleets.map(({ queue }) => queue.queueArn),
        }),
        new PatternStatement({
          actions: ['s3:GetObject', 's3:PutObject'],
          resources: ['results', 'status', 'idempotency', 'wake'].map(objects),
          reason: 'Objects are named by the requests, fleets and keys that they are about.',
        }),
        new PatternStatement({
          actions: ['s3:PutObject'],
          resources: [objects('requests')],
          reason: 'One object per long request, named by it.',
        }),
        new PatternStatement({
          actions: ['s3:DeleteObject'],
          resources: [objects('status'), objects('requests')],
          reason: 'What a client deletes is named by its request.',
        }),
        // Without it S3 answers 403 instead of 404 for what is not there.
        new PolicyStatement({ actions: ['s3:ListBucket'], resources: [results.bucketArn] }),
        // The lease of a fleet's loop tells whether the fleet is awake.
        new PolicyStatement({ actions: ['dynamodb:GetItem'], resources: [table.tableArn] }),
        ...(config.gateway.perKey ? [countRequests(table)] : []),
        new PolicyStatement({ actions: ['states:StartExecution'], resources: [scale.stateMachineArn] }),
      ],
    });
  }

  #api({ cluster, gateway, logRetentionDays }: PaddockConfig, { handler }: PaddockFunction): HttpApi {
    const { corsOrigins, throttling } = gateway;
    const api = new HttpApi(this, 'Api', {
      apiName: `${cluster.name}-gateway`,
      description: 'Queued inference: docs/gateway.md',
      createDefaultStage: false,
      // Keys are checked by the function, so that every refusal has OpenAI's shape.
      defaultIntegration: new HttpLambdaIntegration('Function', handler, {
        payloadFormatVersion: PayloadFormatVersion.VERSION_2_0,
        timeout: Duration.seconds(29),
      }),
      ...(corsOrigins.length > 0 && {
        corsPreflight: {
          allowOrigins: [...corsOrigins],
          allowMethods: [CorsHttpMethod.GET, CorsHttpMethod.POST, CorsHttpMethod.DELETE],
          allowHeaders: ['authorization', 'content-type', 'idempotency-key'],
          exposeHeaders: ['location', 'retry-after', 'x-request-id'],
        },
      }),
    });
    acceptFindings(api.node.findChild('DefaultRoute'), {
      'AwsSolutions-APIG4':
        "The function checks a key on every request, so that a refusal has the shape that OpenAI's clients read.",
    });
    const accessLog = new LogGroup(this, 'AccessLog', {
      retention: logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acceptFindings(accessLog, { CKV_AWS_158: LOGS_OF_AWS_KEY });
    new HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: throttling.requestsPerSecond, burstLimit: throttling.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLog),
      },
    });
    return api;
  }
}

/** Only where the counts of requests are: the scaler's memory lies in the same table. */
const countRequests = (table: Table): PolicyStatement =>
  new PolicyStatement({
    actions: ['dynamodb:UpdateItem'],
    resources: [table.tableArn],
    conditions: {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${RATE_KEY_PREFIX}*`] },
      // `ForAllValues` holds for a request without the key as well.
      Null: { 'dynamodb:LeadingKeys': 'false' },
    },
  });
