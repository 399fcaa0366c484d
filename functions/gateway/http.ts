import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { ApiError } from '../../core/openai/errors.ts';

/** One HTTP request, as far as the gateway looks at it. */
export interface GatewayRequest {
  method: string;
  /** As sent: nothing in it is decoded. */
  path: string;
  /** Lower-case names; values of a header that came twice are joined by commas. */
  headers: Record<string, string | undefined>;
  query: URLSearchParams;
  /** Of the raw body. */
  body: Buffer;
  requestId: string;
}

export function readRequest(event: APIGatewayProxyEventV2): GatewayRequest {
  const { requestContext, rawPath, rawQueryString = '', body = '', isBase64Encoded } = event;
  const headers = Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    method: requestContext.http.method.toUpperCase(),
    path: rawPath,
    headers: Object.fromEntries(headers),
    query: new URLSearchParams(rawQueryString),
    body: Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'),
    requestId: requestContext.requestId,
  };
}

/**
 * The body as text.
 * @throws ApiError 413, 415, 400
 */
export function jsonText({ headers, body }: GatewayRequest, maxBytes: number): string {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new ApiError(415, 'Send the body as JSON, with the header "Content-Type: application/json".', {
      code: 'unsupported_content_type',
    });
  }
  const encoding = headers['content-encoding']?.trim().toLowerCase();
  if (encoding && encoding !== 'identity') {
    throw new ApiError(415, 'Send the body uncompressed, without "Content-Encoding".', {
      code: 'unsupported_content_encoding',
    });
  }
  if (body.length > maxBytes) {
    const message = `The body has ${body.length} bytes; at most ${maxBytes} are taken.`;
    throw new ApiError(413, message, { code: 'request_too_large' });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new ApiError(400, 'The body is not valid UTF-8.', { code: 'invalid_encoding' });
  }
}

export type GatewayAnswer = APIGatewayProxyStructuredResultV2;

export const answer = (
  statusCode: number,
  body: unknown,
  headers: Record<string, string> = {},
): GatewayAnswer => ({
  statusCode,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  body: JSON.stringify(body),
});

export function errorAnswer(error: ApiError): GatewayAnswer {
  const { retryAfter, allow } = error.options;
  return answer(error.status, error.body, {
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    ...(allow === undefined ? {} : { allow }),
    ...(error.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    // OpenAI's clients repeat a 409 unless told not to, and no repetition mends ours.
    ...(error.status === 409 ? { 'x-should-retry': 'false' } : {}),
  });
}
