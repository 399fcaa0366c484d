import { parseFleets } from '../../../functions/healthcheck/config.ts';
import { createHandler } from '../../../functions/healthcheck/handler.ts';
import { captured } from '../capture.ts';
import { context } from '../context.ts';
import { World } from './world.ts';

const EVENT = { duty: 'sweep' };

describe('the health check', () => {
  it('sweeps, and counts the responses that it ended', async () => {
    const world = new World();
    world.put('a');
    const { result, lines } = await captured(() => createHandler(world.connections)(EVENT, context));
    expect(result).toMatchObject([{ fleet: 'cpu', ended: 1 }]);
    expect(lines).toContainEqual(expect.objectContaining({ ResponsesEnded: 1 }));
  });

  it('fails, so that its alarm goes off, when something could not be swept', async () => {
    const world = new World();
    world.letters.fail('count');
    const { error } = await captured(() => createHandler(world.connections)(EVENT, context));
    expect(error?.message).toMatch(/sweep is incomplete: cpu: count: ECONNREFUSED/);
  });

  it.each([[{}], [{ duty: 'dance' }], ['text'], [{ duty: 'sweep', more: 1 }]])(
    'refuses %j',
    async (event) => {
      const world = new World();
      const { error } = await captured(() => createHandler(world.connections)(event, context));
      expect(error?.name).toBe('InvalidEvent');
    },
  );

  it('says that its list of fleets is none', () => {
    expect(() => parseFleets('[]')).toThrow(/PADDOCK_FLEETS.*deploy it again/s);
  });
});
