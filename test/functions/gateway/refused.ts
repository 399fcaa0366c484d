import { expect } from '@jest/globals';
import type { Reply, World } from './world.ts';

/** OpenAI's shape, an answer of one kind, and nothing done. */
export function expectRefused(world: World, reply: Reply, status?: number): void {
  if (status !== undefined) expect(reply.status).toBe(status);
  expect(reply.status).toBeGreaterThanOrEqual(400);
  expect(reply.status).toBeLessThan(500);
  expect(reply.body).toEqual({
    error: {
      message: expect.any(String),
      type: expect.stringMatching(/_error$/),
      param: reply.body.error.param === null ? null : expect.any(String),
      code: expect.any(String),
    },
  });
  expect(reply.headers['content-type']).toBe('application/json');
  for (const value of Object.values(reply.headers)) expect(String(value)).not.toMatch(/[\r\n]/);
  expect(world.messages).toEqual([]);
  expect(world.objects.objects.size).toBe(0);
}
