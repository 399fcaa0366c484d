/** Runs the `Resource` of a Task with the real SDK client, as Step Functions' AWS SDK integrations do. */

export interface ClientSettings {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

/** An error under the name by which Step Functions' `Catch` and `Retry` know it. */
export class TaskError extends Error {
  constructor(name: string, cause: string) {
    super(cause);
    this.name = name;
  }
}

interface SdkClient {
  send(command: unknown): Promise<Record<string, unknown>>;
  destroy(): void;
}

interface Sdk {
  /** Prefix of the error names, Step Functions' spelling. */
  prefix: string;
  /** Services whose API spells its members in camelCase; Step Functions spells them in PascalCase. */
  camelCase: boolean;
  client(settings: ClientSettings): SdkClient;
  command(name: string, input: object): unknown;
}

type SdkModule = Record<string, new (input: object) => unknown>;

async function sdk(
  prefix: string,
  camelCase: boolean,
  module: Promise<unknown>,
  client: string,
): Promise<Sdk> {
  const loaded = (await module) as SdkModule;
  return {
    prefix,
    camelCase,
    client: (settings) => construct(loaded, client, { ...settings, maxAttempts: 3 }) as SdkClient,
    command: (name, input) => construct(loaded, `${name}Command`, input),
  };
}

function construct(module: SdkModule, name: string, argument: object): unknown {
  const type = module[name];
  if (type === undefined) throw new TaskError('States.Runtime', `The AWS SDK has no ${name}.`);
  return new type(argument);
}

/** Services by the name that a Resource ARN uses. */
const SERVICES: Record<string, () => Promise<Sdk>> = {
  autoscaling: () => sdk('AutoScaling', false, import('@aws-sdk/client-auto-scaling'), 'AutoScalingClient'),
  dynamodb: () => sdk('DynamoDb', false, import('@aws-sdk/client-dynamodb'), 'DynamoDBClient'),
  eks: () => sdk('Eks', true, import('@aws-sdk/client-eks'), 'EKSClient'),
  sfn: () => sdk('Sfn', true, import('@aws-sdk/client-sfn'), 'SFNClient'),
  sqs: () => sdk('Sqs', false, import('@aws-sdk/client-sqs'), 'SQSClient'),
  ssm: () => sdk('Ssm', false, import('@aws-sdk/client-ssm'), 'SSMClient'),
};

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const uncapitalized = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** Renames the members of objects, deep; lists and scalars stay. */
function renamed(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), renamed(item, rename)]));
}

/**
 * Step Functions names SDK errors after the Java SDK's classes: `AutoScaling.ScalingActivityInProgressException`, and
 * `AutoScaling.AutoScalingException` for what the service's model does not declare (a plain ValidationError).
 */
export function errorName(prefix: string, error: unknown): string {
  const name = error instanceof Error ? error.name : 'Unknown';
  const declared = error instanceof Error && /(Fault|Exception)$/.test(error.constructor.name);
  const generic = error instanceof Error && /ServiceException$/.test(error.constructor.name);
  if (declared && !generic)
    return `${prefix}.${error.constructor.name.replace(/(Fault|Exception)$/, '')}Exception`;
  if (/^(ECONN|ETIMEDOUT|TimeoutError|AbortError|EPIPE)/.test(name) || 'code' in Object(error)) {
    return `${prefix}.SdkClientException`;
  }
  return `${prefix}.${prefix}Exception`;
}

/** The Task resources of one state machine, called under its role. */
export class Integrations {
  readonly #settings: ClientSettings;
  readonly #clients = new Map<string, SdkClient>();

  constructor(settings: ClientSettings) {
    this.#settings = settings;
  }

  /** The handler of a Resource. Throws Error at once for a resource that the local engine does not know. */
  handler(resource: string): (input: unknown) => Promise<unknown> {
    if (resource === 'arn:aws:states:::lambda:invoke') return (input) => this.#invoke(input);
    if (resource === 'arn:aws:states:::states:startExecution') {
      return (input) => this.#call('sfn', 'StartExecution', input, 'StepFunctions');
    }
    const match = /^arn:aws:states:::(aws-sdk:)?([a-z0-9]+):([A-Za-z0-9]+)$/.exec(resource);
    const [, isSdk, service = '', action = ''] = match ?? [];
    if (match && SERVICES[service] && (isSdk || service === 'dynamodb')) {
      return (input) => this.#call(service, capitalized(action), input, isSdk ? undefined : 'DynamoDB');
    }
    throw new Error(`The local engine does not know the Task resource '${resource}'.`);
  }

  destroy(): void {
    for (const client of this.#clients.values()) client.destroy();
    this.#clients.clear();
  }

  #client(service: string, sdk: Sdk): SdkClient {
    const client = this.#clients.get(service) ?? sdk.client(this.#settings);
    this.#clients.set(service, client);
    return client;
  }

  async #call(service: string, action: string, input: unknown, prefix?: string): Promise<unknown> {
    const sdk = await (SERVICES[service] as () => Promise<Sdk>)();
    const given = withTextInput(input as Record<string, unknown>);
    const parameters = sdk.camelCase ? renamed(given, uncapitalized) : given;
    try {
      const { $metadata: _, ...output } = await this.#client(service, sdk).send(
        sdk.command(action, parameters as object),
      );
      return renamed(output, sdk.camelCase ? capitalized : (key) => key);
    } catch (error) {
      if (error instanceof TaskError) throw error;
      throw new TaskError(errorName(prefix ?? sdk.prefix, error), (error as Error).message);
    }
  }

  /** `lambda:invoke` answers with the payload parsed; a function's own error keeps its type as the error's name. */
  async #invoke(input: unknown): Promise<unknown> {
    const { LambdaClient, InvokeCommand } = await import('@aws-sdk/client-lambda');
    const client = (this.#clients.get('lambda') ??
      new LambdaClient({ ...this.#settings, maxAttempts: 1 })) as SdkClient;
    this.#clients.set('lambda', client);
    const { Payload, ...parameters } = input as { FunctionName: string; Payload?: unknown };
    let answer: { Payload?: Uint8Array; FunctionError?: string; StatusCode?: number };
    try {
      answer = await client.send(
        new InvokeCommand({ ...parameters, Payload: JSON.stringify(Payload ?? {}) }),
      );
    } catch (error) {
      throw new TaskError(errorName('Lambda', error), (error as Error).message);
    }
    const text = answer.Payload === undefined ? 'null' : new TextDecoder().decode(answer.Payload);
    if (answer.FunctionError) {
      const { errorType } = JSON.parse(text) as { errorType?: string };
      throw new TaskError(errorType ?? 'Lambda.Unknown', text);
    }
    return { ExecutedVersion: '$LATEST', Payload: JSON.parse(text), StatusCode: answer.StatusCode ?? 200 };
  }
}

/** `StartExecution` takes its input as text; Step Functions accepts an object in its place. */
function withTextInput(parameters: Record<string, unknown>): Record<string, unknown> {
  const { Input: input } = parameters;
  return typeof input === 'object' && input !== null
    ? { ...parameters, Input: JSON.stringify(input) }
    : parameters;
}
