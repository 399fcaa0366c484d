import { eventOf } from '../../../local/http-api/event.ts';
import { Throttle } from '../../../local/http-api/throttle.ts';

const request = (more: object = {}) => ({
  ...{
    method: 'POST',
    url: '/v1/x?a=1&a=2',
    path: '/v1/x',
    rawQuery: 'a=1&a=2',
    signal: new AbortController().signal,
  },
  headers: { 'content-type': 'application/json' } as Record<string, string>,
  rawBody: Buffer.from('{"ü":1}'),
  ...more,
});
const api = { apiId: 'abc', accountId: '111122223333', host: '127.0.0.1:1' };

describe('the event of an HTTP API', () => {
  it('has the shape of payload format 2.0', () => {
    expect(eventOf(request(), api)).toMatchObject({
      ...{ version: '2.0', routeKey: '$default', rawPath: '/v1/x', rawQueryString: 'a=1&a=2' },
      ...{ queryStringParameters: { a: '1,2' }, body: '{"ü":1}', isBase64Encoded: false },
      requestContext: { http: { method: 'POST', path: '/v1/x' }, stage: '$default', apiId: 'abc' },
    });
  });

  it.each([
    ['binary types', { headers: { 'content-type': 'image/png' } }],
    ['no type', { headers: {} }],
    ['compressed bodies', { headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } }],
    ['what is no UTF-8', { rawBody: Buffer.from([0xc3, 0x28]) }],
  ])('carries %s in base64', (_, more) => {
    const event = eventOf(request(more), api);

    expect(event.isBase64Encoded).toBe(true);
    expect(Buffer.from(event.body ?? '', 'base64')).toEqual(request(more).rawBody);
  });

  it('gives cookies apart, and no body where there is none', () => {
    const event = eventOf(
      request({ headers: { cookie: 'a=1; b=2' }, rawBody: Buffer.alloc(0), rawQuery: '' }),
      api,
    );

    expect(event.cookies).toEqual(['a=1', 'b=2']);
    expect(event.headers.cookie).toBeUndefined();
    expect(event.body).toBeUndefined();
    expect(event.queryStringParameters).toBeUndefined();
  });
});

describe('the throttle of a stage', () => {
  it('lets a burst through at once, and in the long run its rate', () => {
    let now = 0;
    const throttle = new Throttle({ rate: 10, burst: 5 }, () => now);
    const taken = () => Array.from({ length: 20 }, () => throttle.take()).filter(Boolean).length;

    expect(taken()).toBe(5);
    now += 300;
    expect(taken()).toBe(3);
    now += 60_000;
    expect(taken()).toBe(5);
  });
});
