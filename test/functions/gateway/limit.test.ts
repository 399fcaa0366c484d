import { describe, expect, it } from '@jest/globals';
import { UnavailableError } from '../../../adapters/errors.ts';
import { OTHER_KEY, World } from './world.ts';

/** A gateway that takes two at once from each key's name, and then one a second. */
function setUp() {
  const world = new World();
  world.limit = { requestsPerMinute: 60, burst: 2 };
  const deps = world.instance();
  return { world, deps, submit: (headers = {}) => world.submit({}, headers, deps) };
}

describe('the rate limit of a key', () => {
  it('refuses what is past it in OpenAI’s shape, says when to come back, and lets it in then', async () => {
    const { world, submit } = setUp();
    const replies = [await submit(), await submit(), await submit()];

    expect(replies.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(replies[2]?.body.error).toEqual({
      message: expect.stringMatching(/"app": 60 requests a minute, 2 at once. Try again in 1 s/),
      ...{ type: 'rate_limit_error', param: null, code: 'rate_limit_exceeded' },
    });
    expect(replies[2]?.headers['retry-after']).toBe('1');
    world.now += 1000;
    expect((await submit()).status).toBe(200);
  });

  it('leaves nothing of what it refuses', async () => {
    const { world, submit } = setUp();
    for (let i = 0; i < 5; i += 1) await submit({ 'idempotency-key': `job-${i}` });

    expect(world.messages).toHaveLength(2);
    expect(world.pending).toHaveLength(2);
    expect([...world.objects.objects.keys()].filter((key) => key.startsWith('idempotency/'))).toHaveLength(2);
  });

  it('is of one key’s name, and of submissions alone', async () => {
    const { world, deps, submit } = setUp();
    const { body } = await submit();
    await submit();
    expect((await submit({ authorization: `Bearer ${OTHER_KEY}` })).status).toBe(200);
    for (let i = 0; i < 5; i += 1) {
      expect((await world.call('GET', `/v1/responses/${body.id}`, undefined, {}, deps)).status).toBe(200);
    }
    expect((await submit()).status).toBe(429);
  });

  it('does not count what is not valid', async () => {
    const { world, deps, submit } = setUp();
    for (let i = 0; i < 5; i += 1) await world.submit({ background: false }, {}, deps);

    expect((await submit()).status).toBe(200);
  });

  it('asks the table no more once it is empty, until there is one again', async () => {
    const { world, submit } = setUp();
    for (let i = 0; i < 50; i += 1) await submit();
    expect(world.buckets.asked).toBe(3);
    world.now += 1000;
    expect((await submit()).status).toBe(200);
  });

  it('stops nobody when the table does not answer', async () => {
    const { world, submit } = setUp();
    world.buckets.failure = new UnavailableError('down', 'Down');

    expect((await submit()).status).toBe(200);
    expect(JSON.stringify(world.logged)).toContain('could not be counted');
  });
});
