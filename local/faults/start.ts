import { nodegroupName } from '../../core/protocol/names.ts';
import type { FleetPolicy } from '../../core/scaling/types.ts';
import { realClock } from '../emulators/clock.ts';
import { FaultInjector, type FaultInjectorOptions } from './injector.ts';
import { type FaultServer, startFaultServer } from './server.ts';

export interface Faults {
  faults: FaultInjector;
  faultServer: FaultServer;
  stopFaults(): Promise<void>;
}

/** By which `paddock fault` and the scenarios harm the fleet's capacity. */
export async function startFaults({
  policy: { fleet, pools },
  clusterName,
  autoscaling,
  onError,
}: Pick<FaultInjectorOptions, 'autoscaling' | 'onError'> & {
  policy: FleetPolicy;
  clusterName: string;
}): Promise<Faults> {
  const nodeGroups = new Map(pools.map(({ name }) => [name, nodegroupName(clusterName, fleet, name)]));
  const faults = new FaultInjector({ autoscaling, nodeGroups, clock: realClock, onError });
  const faultServer = await startFaultServer(faults);
  return {
    faults,
    faultServer,
    stopFaults: async () => {
      faults.dispose();
      await faultServer.stop();
    },
  };
}
