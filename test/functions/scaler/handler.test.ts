import { createHandler, handler } from '../../../functions/scaler/handler.ts';
import { captured } from '../capture.ts';
import { context } from '../context.ts';
import { FLEET, World } from './world.ts';

const event = {
  fleet: FLEET,
  trigger: 'schedule',
  execution: 'one',
  startedAt: new Date().toISOString(),
};

/** `log` and `gauges` are the handler's own. */
function connected(world: World) {
  const { log: _, gauges: __, ...rest } = world.dependencies();
  return () => rest;
}

describe('the exported handler', () => {
  it('names the variables that are missing', async () => {
    const { error } = await captured(() => handler(event, context));

    expect(error?.message).toMatch(/PADDOCK_TABLE, PADDOCK_FLEET_PARAMETER_PREFIX, PADDOCK_CLUSTER/);
  });

  it('refuses what is no tick', async () => {
    const { error } = await captured(() => handler({ source: 'aws.events' }, context));

    expect(error).toMatchObject({ name: 'InvalidEvent' });
  });
});

describe('its middleware', () => {
  it('writes one line of metrics for each tick, and one for each pool', async () => {
    const world = new World(2);
    world.backlog(3, 1);
    const { result, lines } = await captured(() => createHandler(connected(world))(event, context));

    expect(result).toMatchObject({ outcome: 'ticked' });
    const metrics = lines.filter((line) => '_aws' in line);
    expect(metrics).toHaveLength(2);
    expect(metrics[0]).toMatchObject({
      ...{ fleet: FLEET, pool: 'main', service: 'scaler' },
      ...{ PoolReplicasWarm: 2, PoolReplicasWanted: expect.any(Number) },
    });
    expect(metrics[1]).not.toHaveProperty('pool');
    expect(metrics[1]).toMatchObject({
      fleet: FLEET,
      service: 'scaler',
      // 3 wait, and each of the two replicas serves one in 2 s.
      ExpectedWait: 3,
      LeadTime: 20,
      ServiceRate: 0.5,
      BusySlotsQueue: 0,
      BusySlotsInteractive: 0,
      PricePerHour: expect.any(Number),
      ReplicasWarm: 2,
      ReplicasWanted: expect.any(Number),
      NodesOnDemand: 2,
      NodesSpot: 0,
      TickDuration: expect.any(Number),
    });
    for (const name of ['ReadingFailures', 'CommandFailures', 'QuarantinedPools', 'TickFailures'])
      expect(metrics[1]).not.toHaveProperty(name);
  });

  it('says nothing of what it could not read, and logs what failed with the invocation', async () => {
    const world = new World(2);
    world.queue.fail('read');
    const { lines } = await captured(() => createHandler(connected(world))(event, context));

    const metrics = lines.find((line) => '_aws' in line && !('pool' in line));
    expect(metrics).toMatchObject({ ReadingFailures: 1 });
    for (const name of ['ExpectedWait', 'ArrivalRate']) expect(metrics).not.toHaveProperty(name);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'ERROR',
        message: expect.stringContaining('ECONNREFUSED'),
        fleet: FLEET,
        execution: 'one',
        function_request_id: context.awsRequestId,
      }),
    );
  });

  it('counts a tick that came to nothing', async () => {
    const world = new World(2);
    world.state.fail('takeLease');
    const { error, lines } = await captured(() => createHandler(connected(world))(event, context));

    expect(error).toMatchObject({ name: 'TickError' });
    expect(lines.find((line) => '_aws' in line)).toMatchObject({ TickFailures: 1, fleet: FLEET });
  });
});
