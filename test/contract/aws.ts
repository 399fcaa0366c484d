import type { NodeGroupObservation, NodeGroupsReader } from '../../adapters/aws/auto-scaling.ts';
import type { FleetParameters, FleetParametersReader } from '../../adapters/aws/fleet-parameters.ts';
import type { QueueCountsReader } from '../../adapters/aws/queue-counts.ts';
import { NotFoundError } from '../../adapters/errors.ts';
import type { QueueCounts } from '../../core/scaling/types.ts';

export interface QueueCountsSetup {
  reader: QueueCountsReader;
  /** URL of a new queue with so many messages. */
  queueWith(counts: QueueCounts): Promise<string>;
  /** URL of a queue that does not exist. */
  missing: string;
}

export function queueCountsContract(name: string, make: () => QueueCountsSetup): void {
  describe(`${name}: queue counts`, () => {
    it('tell what waits from what is being served', async () => {
      const { reader, queueWith } = make();
      expect(await reader.read(await queueWith({ backlog: 0, inFlight: 0 }))).toEqual({
        backlog: 0,
        inFlight: 0,
      });
      expect(await reader.read(await queueWith({ backlog: 3, inFlight: 2 }))).toEqual({
        backlog: 3,
        inFlight: 2,
      });
    });

    it('are an error for a queue that does not exist, not zero', async () => {
      const { reader, missing } = make();
      await expect(reader.read(missing)).rejects.toBeInstanceOf(NotFoundError);
      await expect(reader.read(missing)).rejects.toThrow(missing);
    });
  });
}

export interface NodeGroupsSetup {
  reader: NodeGroupsReader;
  cluster: string;
  /** What the reader has to find; the set-up made it so. */
  expected: NodeGroupObservation[];
}

export function nodeGroupsContract(name: string, make: () => Promise<NodeGroupsSetup>): void {
  describe(`${name}: node groups`, () => {
    it('are those of the cluster, with their sizes and instances', async () => {
      const { reader, cluster, expected } = await make();
      const found = await reader.list(cluster);
      const byName = (a: NodeGroupObservation, b: NodeGroupObservation) =>
        a.nodegroup.localeCompare(b.nodegroup);
      expect(found.sort(byName)).toEqual([...expected].sort(byName));
    });

    it('are none in a cluster that has none', async () => {
      const { reader } = await make();
      expect(await reader.list('no-such-cluster')).toEqual([]);
    });
  });
}

export interface FleetParametersSetup {
  reader: FleetParametersReader;
  put(fleet: string, parameters: FleetParameters): Promise<void>;
}

export function fleetParametersContract(
  name: string,
  parameters: FleetParameters,
  make: () => FleetParametersSetup,
): void {
  describe(`${name}: fleet parameters`, () => {
    it('are what the stack wrote', async () => {
      const { reader, put } = make();
      await put('written', parameters);
      expect(await reader.read('written')).toEqual(parameters);
    });

    it('are an error for a fleet that does not exist', async () => {
      const { reader } = make();
      await expect(reader.read('nobody')).rejects.toBeInstanceOf(NotFoundError);
      await expect(reader.read('nobody')).rejects.toThrow('nobody');
    });
  });
}
