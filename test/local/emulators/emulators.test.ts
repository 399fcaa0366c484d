import { realClock, Timers } from '../../../local/emulators/clock.ts';
import { emulate, nodegroup } from './fixtures.ts';

const busy = async (seed: number) => {
  const world = emulate({ seed });
  world.listen({ source: [{ prefix: 'aws.' }] });
  world.eks.addNodegroup(nodegroup({ scalingConfig: { minSize: 2, maxSize: 4 } }));
  await world.seconds(120);
  return world;
};

it('gives equal ids for an equal seed, and others for another', async () => {
  const [first, second, third] = await Promise.all([busy(1), busy(1), busy(2)]);
  expect(first.deliveries.length).toBeGreaterThan(0);
  expect(second.deliveries).toEqual(first.deliveries);
  expect([...third.nodes.nodes.values()].map(({ instanceId }) => instanceId)).not.toEqual(
    [...first.nodes.nodes.values()].map(({ instanceId }) => instanceId),
  );
});

it('stands ready for the front by service', () => {
  const { services } = emulate();
  expect([...services.keys()].sort()).toEqual([
    'autoscaling',
    'eks',
    'events',
    'monitoring',
    'scheduler',
    'secretsmanager',
    'ssm',
  ]);
});

it('does nothing any more once it is disposed of', async () => {
  const world = await busy(3);
  world.scheduler.createSchedule({
    Name: 'tick',
    ScheduleExpression: 'rate(1 minute)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: { Arn: 'arn:t', RoleArn: 'arn:r' },
  });
  const name = world.autoscaling.describeGroups({}).AutoScalingGroups[0]?.AutoScalingGroupName;
  world.autoscaling.setDesiredCapacity({ AutoScalingGroupName: name, DesiredCapacity: 4 });
  const delivered = world.deliveries.length;
  world.dispose();
  expect(world.clock.pending).toBe(0);
  await world.seconds(600);
  expect(world.deliveries).toHaveLength(delivered);
  expect(world.nodes.nodes.size).toBe(2);
});

it('tells of a delivery that could not be made', async () => {
  const world = emulate({
    deliver: async () => {
      throw Object.assign(new Error('no such machine'), { code: 'StateMachineDoesNotExist' });
    },
  });
  world.listen({ source: ['aws.ec2'] });
  world.events.emit({ source: 'aws.ec2', detailType: 'x', resources: [], detail: {} });
  await world.seconds(1);
  expect(world.errors).toEqual([
    new Error('arn:aws:events:us-east-1:111122223333:rule/all could not reach arn:aws:lambda:target.'),
  ]);
});

describe('timers', () => {
  it('report what a task throws, and go on', async () => {
    const errors: unknown[] = [];
    const timers = new Timers(realClock, (error) => errors.push(error));
    await new Promise<void>((resolve) => {
      timers.after(0, () => {
        throw new Error('first');
      });
      timers.after(1, async () => {
        throw new Error('second');
      });
      timers.after(5, resolve);
    });
    expect(errors).toEqual([new Error('first'), new Error('second')]);
    timers.dispose();
  });

  it('do not fire a far future at once', async () => {
    let fired = false;
    const timer = realClock.setTimeout(() => {
      fired = true;
    }, 2 ** 31);
    await new Promise((resolve) => setTimeout(resolve, 5));
    timer.cancel();
    expect(fired).toBe(false);
  });
});
