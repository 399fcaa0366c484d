import { Bench } from 'tinybench';
import { World } from '../test/functions/scaler/world.ts';

/**
 * What a tick costs besides its calls: lease, observe, decide, remember, act against fakes, by the number of replicas:
 * `node bench/tick.bench.ts`.
 */
const bench = new Bench({ time: 1000 });

for (const replicas of [1, 20, 200]) {
  const world = new World(replicas);
  let backlog = 0;
  bench.add(`tick, ${replicas} replicas`, async () => {
    backlog = (backlog + 37) % 50;
    world.backlog(backlog, replicas);
    world.workload.replicas = replicas;
    world.state.plans.length = 0;
    world.state.calls.length = 0;
    await world.later(5);
  });
}

await bench.run();
console.table(bench.table());
