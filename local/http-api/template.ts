import { z } from 'zod';
import { TemplateError } from '../template/errors.ts';
import type { ResolvedApp } from '../template/load.ts';
import type { ResolvedResource } from '../template/resolve.ts';
import { parseShape } from '../template/resources.ts';
import { number } from '../template/shapes-base.ts';

/** An HTTP API with one `$default` route to a function. */
export interface HttpApiView {
  apiId: string;
  functionArn: string;
  /** Of the stage's default route settings; undefined: not limited. */
  throttle: { rate: number; burst: number } | undefined;
  timeoutMs: number;
}

const integration = z.looseObject({
  ApiId: z.string(),
  IntegrationType: z.literal('AWS_PROXY'),
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal('2.0'),
  TimeoutInMillis: number.default(30_000),
});
const route = z.looseObject({ ApiId: z.string(), RouteKey: z.string(), Target: z.string() });
const stage = z.looseObject({
  ApiId: z.string(),
  StageName: z.string(),
  DefaultRouteSettings: z
    .looseObject({ ThrottlingRateLimit: number.optional(), ThrottlingBurstLimit: number.optional() })
    .default({}),
});
const permission = z.looseObject({ FunctionName: z.string(), Principal: z.string() });

/**
 * The template's HTTP APIs.
 * @throws TemplateError for one that the local runtime does not know how to run, or that may not call its function
 */
export function httpApis(app: ResolvedApp): HttpApiView[] {
  const of = (type: string) =>
    app.resources.filter((resource) => resource.type === `AWS::ApiGatewayV2::${type}`);
  return of('Api').map((api) => {
    const mine = <T extends { ApiId: string }>(type: string, shape: z.ZodType<T>): T => {
      const found = of(type)
        .map((resource) => parseShape(resource, shape))
        .filter(({ ApiId }) => ApiId === api.ref);
      if (found.length !== 1)
        throw unknown(api, `has ${found.length} resources of type ${type}; locally it is one`);
      return found[0] as T;
    };
    const { RouteKey } = mine('Route', route);
    const { StageName, DefaultRouteSettings } = mine('Stage', stage);
    if (RouteKey !== '$default' || StageName !== '$default')
      throw unknown(api, `has the route ${RouteKey} and the stage ${StageName}; locally both are $default`);
    const { IntegrationUri, TimeoutInMillis } = mine('Integration', integration);
    if (!mayCall(app, IntegrationUri))
      throw unknown(api, `may not call ${IntegrationUri}: there is no Lambda permission`);
    const { ThrottlingRateLimit: rate, ThrottlingBurstLimit: burst } = DefaultRouteSettings;
    return {
      apiId: api.ref,
      functionArn: IntegrationUri,
      throttle: rate === undefined || burst === undefined ? undefined : { rate, burst },
      timeoutMs: TimeoutInMillis,
    };
  });
}

const mayCall = (app: ResolvedApp, functionArn: string): boolean =>
  app.resources
    .filter(({ type }) => type === 'AWS::Lambda::Permission')
    .map((resource) => parseShape(resource, permission))
    .some(
      ({ FunctionName, Principal }) =>
        Principal === 'apigateway.amazonaws.com' &&
        (FunctionName === functionArn || functionArn.endsWith(`:function:${FunctionName}`)),
    );

const unknown = ({ stack, logicalId }: ResolvedResource, what: string): TemplateError =>
  new TemplateError({ stack, resource: logicalId, path: ['Properties'] }, what);
