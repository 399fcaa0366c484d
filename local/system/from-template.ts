import type { PaddockConfig } from '../../infra/config/index.ts';
import type { Front } from '../front/front.ts';
import type { Principal } from '../front/types.ts';
import { LambdaHost } from '../lambda/host.ts';
import { readAssembly } from '../template/assembly.ts';
import type { ResolvedApp } from '../template/load.ts';

/** Who signs as a role. Throws Error for a role that nothing acts as here. */
export type PrincipalOf = (roleArn: string) => Principal;

/** Roles that something acts as here; those of EKS itself and of deploy-time helpers have no part in a local run. */
export function addPrincipals(app: ResolvedApp, front: Front): PrincipalOf {
  const acting = new Set(['function', 'stateMachine', 'schedule', 'rule', 'pod']);
  const deployment = new Set(app.functions.filter((f) => f.deploymentOnly).map((f) => f.roleArn));
  const principals = new Map(
    app.roles
      .filter((role) => role.assumedBy.some(({ kind }) => acting.has(kind)) && !deployment.has(role.arn))
      .map((role) => [
        role.arn,
        front.addPrincipal({ name: role.logicalId, roleArn: role.arn, policies: [...role.policies] }),
      ]),
  );
  return (roleArn) => {
    const principal = principals.get(roleArn);
    if (!principal) throw new Error(`No role of the templates has the ARN ${roleArn}.`);
    return principal;
  };
}

export function createLambda(
  app: ResolvedApp,
  front: Front,
  principalOf: PrincipalOf,
  logDir: string,
): LambdaHost {
  return new LambdaHost({
    functions: app.functions
      .filter((f) => !f.deploymentOnly && f.codePath !== undefined)
      .map((f) => ({
        name: f.name,
        arn: f.arn,
        codePath: f.codePath as string,
        handler: f.handler,
        environment: { ...f.environment },
        timeoutSeconds: f.timeoutSeconds,
        asyncRetries: f.asyncRetries,
        memoryMb: f.memoryMb,
        credentials: principalOf(f.roleArn),
      })),
    endpointUrl: front.url,
    region: front.region,
    logDir,
    // A warm-up waits beside its pod: as many at once as pods start.
    maxProcesses: 64,
  });
}

/** What EKS Pod Identity would give a pod: the keys of its service account's role. */
export function podEnvironment(
  app: ResolvedApp,
  front: Front,
  principalOf: PrincipalOf,
  serviceAccount: string,
): Record<string, string> {
  const identity = app.podIdentities.find((candidate) => candidate.serviceAccount === serviceAccount);
  if (!identity)
    throw new Error(`The service account ${serviceAccount} has no pod identity in the templates.`);
  const { accessKeyId, secretAccessKey } = principalOf(identity.roleArn);
  return {
    AWS_ENDPOINT_URL: front.url,
    AWS_REGION: front.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}

/** The pods run the very file that a deploy would put into the asset bucket. */
export function workerBundle(directory: string): string {
  const bundles = [...readAssembly(directory).assets.values()].filter(({ path }) => path.endsWith('.mjs'));
  const [bundle] = bundles;
  if (!bundle || bundles.length > 1)
    throw new Error(`Expected one worker bundle in ${directory}, found ${bundles.length}.`);
  return bundle.path;
}

/** A local run has one fleet. */
export const fleetName = (config: PaddockConfig): string => config.fleets[0]?.name as string;

export function queueOf(app: ResolvedApp, config: PaddockConfig) {
  const name = `${config.cluster.name}-${fleetName(config)}`;
  const queue = app.queues.find((candidate) => candidate.name === name);
  if (!queue) throw new Error(`The templates make no queue ${name}.`);
  return queue;
}

const only = (views: readonly { name: string }[], what: string): string => {
  const [view] = views;
  if (!view) throw new Error(`The templates make no ${what}.`);
  return view.name;
};

export const tableOf = (app: ResolvedApp): string => only(app.tables, 'table');

/** @param id logical id, without its hash */
export function bucketOf(app: ResolvedApp, id: 'Results' | 'Models'): string {
  return only(
    app.buckets.filter(({ logicalId }) => logicalId.startsWith(id)),
    `bucket ${id}`,
  );
}

export function functionNamed(app: ResolvedApp, part: string): string {
  const found = app.functions.find(({ logicalId }) => logicalId.startsWith(part));
  if (!found) throw new Error(`The templates have no function ${part}.`);
  return found.name;
}

/** The ARN of a state machine. */
export function machineNamed(app: ResolvedApp, part: string): string {
  const found = app.stateMachines.find(({ logicalId }) => logicalId.startsWith(part));
  if (!found) throw new Error(`The templates have no state machine ${part}.`);
  return found.arn;
}
