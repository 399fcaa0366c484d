import { describe, expect, it } from '@jest/globals';
import {
  ConflictError,
  fromStatus,
  mapAwsError,
  mapKubernetesError,
  NotFoundError,
  RefusedError,
  UnavailableError,
} from '../../adapters/errors.ts';

const aws = (name: string, status?: number) =>
  Object.assign(new Error('said so'), { name, $metadata: { httpStatusCode: status } });
const refusedConnection = Object.assign(new TypeError('fetch failed'), {
  cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
});

describe('an error of AWS', () => {
  it.each([
    ['ThrottlingException', 400, UnavailableError],
    ['SlowDown', 503, UnavailableError],
    ['InternalError', 500, UnavailableError],
    ['TimeoutError', undefined, UnavailableError],
    ['ConditionalCheckFailedException', 400, ConflictError],
    ['PreconditionFailed', 412, ConflictError],
    ['ScalingActivityInProgressFault', 400, ConflictError],
    ['ExecutionAlreadyExists', 400, ConflictError],
    ['AccessDenied', 403, RefusedError],
    ['ValidationError', 400, RefusedError],
    ['QueueDoesNotExist', 400, NotFoundError],
    ['NotFound', 404, NotFoundError],
  ])('%s (%s) is mapped', (name, status, type) => {
    const original = aws(name, status);
    const mapped = mapAwsError(original, 'ask');
    expect(mapped).toBeInstanceOf(type);
    expect(mapped).toMatchObject({ code: name, cause: original, message: `ask: ${name}: said so` });
  });

  it('that has no answer is named by its system code', () => {
    const mapped = mapAwsError(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'ask');
    expect(mapped).toBeInstanceOf(UnavailableError);
    expect(mapped.code).toBe('ECONNREFUSED');
  });

  it.each(['EAI_AGAIN', 'ENOTFOUND', 'UND_ERR_SOCKET'])(
    'that hides %s in its causes is named by it',
    (code) => {
      const cause = new Error('inner', { cause: Object.assign(new Error('innermost'), { code }) });
      expect(mapAwsError(new Error('fetch failed', { cause }), 'ask').code).toBe(code);
    },
  );

  it('whose causes go round in a ring is mapped all the same', () => {
    const ring = new Error('round');
    ring.cause = ring;
    expect(mapAwsError(ring, 'ask')).toBeInstanceOf(UnavailableError);
  });

  it('is not mapped twice', () => {
    const mapped = mapAwsError(aws('AccessDenied', 403), 'ask');
    expect(mapAwsError(mapped, 'again')).toBe(mapped);
  });
});

describe('an error of the Kubernetes client', () => {
  it.each([
    [404, NotFoundError],
    [409, ConflictError],
    [403, RefusedError],
    [422, RefusedError],
    [429, UnavailableError],
    [500, UnavailableError],
  ])('with code %i is mapped, with what the apiserver said', (code, type) => {
    const mapped = mapKubernetesError(
      Object.assign(new Error('long'), { code, body: '{"message":"no way"}' }),
      'patch',
    );
    expect(mapped).toBeInstanceOf(type);
    expect(mapped.message).toBe(`patch: HTTP ${code}: no way`);
  });

  it('finds the system code in the cause of a failed fetch', () => {
    expect(mapKubernetesError(refusedConnection, 'list')).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

it('a status says by itself what it means', () => {
  expect(fromStatus(412, '')).toBeInstanceOf(ConflictError);
  expect(fromStatus(408, '')).toBeInstanceOf(UnavailableError);
});
