import { describe, expect, it } from '@jest/globals';
import { failureReason } from '../../adapters/generation.ts';

const hidden = (code: string) =>
  new Error('Connection error.', {
    cause: new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) }),
  });

describe('why a client library failed', () => {
  it.each([
    [hidden('ECONNREFUSED'), 'connection refused'],
    [hidden('UND_ERR_SOCKET'), 'connection lost'],
    [hidden('EAI_AGAIN'), 'unknown host'],
    [hidden('EPIPE'), 'Connection error.'],
    [new Error('x', { cause: Object.assign(new Error('late'), { name: 'TimeoutError' }) }), 'timed out'],
    [Object.assign(new Error('429 Too many'), { status: 429 }), 'HTTP 429: Too many'],
    ['text', 'text'],
  ])('is told as a reason to count by: %s', (error, reason) => {
    expect(failureReason(error)).toBe(reason);
  });
});
