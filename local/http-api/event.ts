import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { HttpRequest } from '../front/http.ts';

const TEXT = /^(text\/|application\/(json|xml|javascript|x-www-form-urlencoded)\b|[^;]+\+(json|xml)\b)/i;

/** The event of payload format 2.0 that API Gateway makes of a request. */
export function eventOf(
  { method, path, rawQuery, headers, rawBody }: HttpRequest,
  { apiId, accountId, host }: { apiId: string; accountId: string; host: string },
): APIGatewayProxyEventV2 {
  const { cookie, ...rest } = headers;
  const at = new Date();
  const query = queryOf(rawQuery);
  const isText = TEXT.test(headers['content-type'] ?? '') && !headers['content-encoding'] && isUtf8(rawBody);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: rawQuery,
    ...(cookie === undefined ? {} : { cookies: cookie.split(/; */) }),
    headers: { ...rest, 'x-forwarded-proto': 'http' },
    ...(query === undefined ? {} : { queryStringParameters: query }),
    requestContext: {
      accountId,
      apiId,
      domainName: host,
      domainPrefix: apiId,
      http: {
        method,
        path,
        protocol: 'HTTP/1.1',
        sourceIp: '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      time: at.toISOString(),
      timeEpoch: at.getTime(),
    },
    ...(rawBody.length > 0 ? { body: rawBody.toString(isText ? 'utf8' : 'base64') } : {}),
    isBase64Encoded: rawBody.length > 0 && !isText,
  };
}

/** Values of one name are joined by commas. */
function queryOf(rawQuery: string): Record<string, string> | undefined {
  if (rawQuery === '') return undefined;
  const parameters = new URLSearchParams(rawQuery);
  return Object.fromEntries(
    [...new Set(parameters.keys())].map((name) => [name, parameters.getAll(name).join(',')]),
  );
}
