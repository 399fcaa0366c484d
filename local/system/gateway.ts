import { newApiKey } from '../../adapters/aws/api-keys.ts';
import { type ApiKeys, apiKeysSecretName } from '../../core/protocol/api-keys.ts';
import type { SecretsManagerEmulator } from '../emulators/secrets-manager.ts';
import { type HttpApiDoor, listenHttpApi } from '../http-api/server.ts';
import { httpApis } from '../http-api/template.ts';
import type { LambdaHost } from '../lambda/host.ts';
import type { ResolvedApp } from '../template/load.ts';

/** The gateway of a local run. */
export interface LocalGateway {
  /** `http://127.0.0.1:…`; OpenAI clients want `/v1` after it. */
  readonly url: string;
  /** Made for this run; ends with it. */
  readonly apiKey: string;
  stop(): Promise<void>;
}

export interface LocalGatewayOptions {
  app: ResolvedApp;
  clusterName: string;
  lambda: Pick<LambdaHost, 'invoke'>;
  secrets: SecretsManagerEmulator;
  /** Where it is to answer; by default on a port of its own. */
  door?: HttpApiDoor;
}

/** The template's HTTP API with a key of this run; undefined when the template has none. */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway | undefined> {
  const { app, clusterName, lambda, secrets } = options;
  const [view] = httpApis(app);
  if (!view) return undefined;
  const { key, record } = newApiKey('local', new Date());
  const keys: ApiKeys = { v: 1, keys: [record] };
  secrets.putSecretValue({ SecretId: apiKeysSecretName(clusterName), SecretString: JSON.stringify(keys) });
  const door = options.door ?? (await listenHttpApi());
  door.open({ view, accountId: app.accountId, invoke: (arn, event) => lambda.invoke(arn, event) });
  return { url: door.url, apiKey: key, stop: () => door.stop() };
}
