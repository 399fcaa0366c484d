import fc from 'fast-check';
import { parseTickEvent } from '../../../functions/scaler/event.ts';

const event = {
  fleet: 'cpu',
  trigger: 'schedule',
  execution: 'arn:aws:states:us-east-1:123456789012:express:scale:a:b',
  startedAt: '2026-01-01T00:00:00.000Z',
};

describe('the tick event', () => {
  it('is read with its time in epoch seconds', () => {
    expect(parseTickEvent(event)).toEqual({ ...event, startedAt: 1_767_225_600 });
  });

  it.each([
    ['no fleet', { ...event, fleet: undefined }, 'fleet'],
    ['a fleet that is no name', { ...event, fleet: 'CPU/../x' }, 'lower-case letters'],
    ['an unknown trigger', { ...event, trigger: 'cron' }, 'trigger'],
    ['a time that is none', { ...event, startedAt: 'yesterday' }, 'startedAt'],
    ['an unknown key', { ...event, flet: 'cpu' }, 'flet'],
    ['an event of EventBridge', { source: 'aws.events', 'detail-type': 'Scheduled Event' }, 'detail-type'],
  ])('with %s is refused by name', (_, garbage, named) => {
    expect(() => parseTickEvent(garbage)).toThrow(
      expect.objectContaining({ name: 'InvalidEvent', message: expect.stringContaining(named) }),
    );
  });

  it('is never anything else', () => {
    fc.assert(
      fc.property(fc.anything(), (garbage) => {
        expect(() => parseTickEvent(garbage)).toThrow(expect.objectContaining({ name: 'InvalidEvent' }));
      }),
    );
  });
});
