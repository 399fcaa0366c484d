import { z } from 'zod';
import { close, createHttp, type HttpRequest, listen } from '../front/http.ts';
import type { AwsResponse } from '../front/types.ts';
import type { InvokeResult } from '../lambda/environment.ts';
import { eventOf } from './event.ts';
import type { HttpApiView } from './template.ts';
import { Throttle } from './throttle.ts';

export interface HttpApiOptions {
  view: HttpApiView;
  accountId: string;
  invoke(functionArn: string, event: unknown): Promise<InvokeResult>;
}

export interface HttpApi {
  /** As the template's output gives it on AWS, without a slash at its end. */
  readonly url: string;
  stop(): Promise<void>;
}

/** API Gateway's limit of a body, and Lambda's of an event and of an answer, bytes. */
const MAX_BODY = 10_485_760;
const MAX_EVENT = 6_291_556;

const proxyResult = z.looseObject({
  statusCode: z.int().min(100).max(599),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  body: z.string().default(''),
  isBase64Encoded: z.boolean().default(false),
});

/** An HTTP API that listens, before there is anything behind it: what is booted may name its URL. */
export interface HttpApiDoor extends HttpApi {
  /** Until then every request is answered with 503. */
  open(options: HttpApiOptions): void;
}

/** Listens on a free port of loopback. */
export async function listenHttpApi(host = '127.0.0.1'): Promise<HttpApiDoor> {
  let answer = async (_request: HttpRequest): Promise<AwsResponse> => refusal(503, 'Service Unavailable');
  const server = createHttp((request) => answer(request));
  const address = `${host}:${await listen(server, host, 0)}`;
  return {
    url: `http://${address}`,
    open: (options) => {
      const throttle = options.view.throttle && new Throttle(options.view.throttle);
      answer = async (request) => {
        if (throttle && !throttle.take()) return refusal(429, 'Too Many Requests');
        return await serve(request, options, address);
      };
    },
    stop: () => close(server),
  };
}

/** An HTTP API of API Gateway on loopback. Its own refusals look as API Gateway's do: they are not the function's. */
export async function startHttpApi(options: HttpApiOptions): Promise<HttpApi> {
  const door = await listenHttpApi();
  door.open(options);
  return door;
}

async function serve(request: HttpRequest, options: HttpApiOptions, host: string): Promise<AwsResponse> {
  const { view, accountId, invoke } = options;
  const event = eventOf(request, { apiId: view.apiId, accountId, host });
  const size = Buffer.byteLength(JSON.stringify(event));
  if (request.rawBody.length > MAX_BODY || size > MAX_EVENT) return refusal(413, 'Request Entity Too Large');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), view.timeoutMs);
  });
  // A host that is being stopped refuses.
  const result = await Promise.race([invoke(view.functionArn, event).catch(() => undefined), late]);
  clearTimeout(timer);
  if (result === undefined) return refusal(503, 'Service Unavailable');
  const answer = answerOf(result);
  return { ...answer, headers: { ...answer.headers, 'apigw-requestid': event.requestContext.requestId } };
}

function answerOf(result: InvokeResult): AwsResponse {
  if ('functionError' in result) return refusal(500, 'Internal Server Error');
  const { data } = proxyResult.safeParse(result.payload);
  if (!data || JSON.stringify(data).length > MAX_EVENT) return refusal(500, 'Internal Server Error');
  const headers = Object.entries(data.headers).map(([name, value]) => [name.toLowerCase(), String(value)]);
  return {
    status: data.statusCode,
    headers: Object.fromEntries(headers),
    body: data.isBase64Encoded ? Buffer.from(data.body, 'base64') : data.body,
  };
}

const refusal = (status: number, message: string): AwsResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ message }),
});
