/**
 * CloudWatch metrics that the functions write and the dashboard and alarms read. Each pair of a name and its dimensions
 * costs about 0.30 dollars a month while it is written: what SQS, Lambda or Step Functions tell for free is not repeated
 * here, and failures are written only when there are any.
 */
export const METRICS_NAMESPACE = 'Paddock';

/** Dimensions of every metric: `service` (the function), `cluster` and `fleet`; those of a pool have `pool` besides. */
export const DIMENSION = { service: 'service', cluster: 'cluster', fleet: 'fleet', pool: 'pool' } as const;

/** By the scaler, at each tick of a fleet. */
export const FLEET_METRIC = {
  tickDuration: 'TickDuration',
  tickFailures: 'TickFailures',
  readingFailures: 'ReadingFailures',
  commandFailures: 'CommandFailures',
  memorySize: 'MemorySize',
  expectedWait: 'ExpectedWait',
  arrivalRate: 'ArrivalRate',
  serviceRate: 'ServiceRate',
  leadTime: 'LeadTime',
  replicasWanted: 'ReplicasWanted',
  replicasWarm: 'ReplicasWarm',
  nodesOnDemand: 'NodesOnDemand',
  nodesSpot: 'NodesSpot',
  busySlotsQueue: 'BusySlotsQueue',
  busySlotsInteractive: 'BusySlotsInteractive',
  pricePerHour: 'PricePerHour',
  quarantinedPools: 'QuarantinedPools',
  replicasFailing: 'ReplicasFailing',
  capacityShortfall: 'CapacityShortfall',
} as const;

/** By the spot function, for each notice of a fleet, by its kind. */
export const NOTICE_METRIC = {
  interruption: 'SpotInterruptions',
  rebalance: 'RebalanceRecommendations',
  'launch-failure': 'LaunchFailures',
} as const;

/** Upper bounds, seconds, of the workers' histogram of queue waits: what an alert can ask for. 10 is the default target. */
export const QUEUE_WAIT_BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900] as const;

/** By the scaler, for each pool of the fleet. */
export const POOL_METRIC = {
  replicasWanted: 'PoolReplicasWanted',
  replicasWarm: 'PoolReplicasWarm',
  leadTimeBoot: 'PoolLeadTimeBoot',
  leadTimeImage: 'PoolLeadTimeImage',
  leadTimeFill: 'PoolLeadTimeFill',
  leadTimeLoad: 'PoolLeadTimeLoad',
  leadTimeFirstToken: 'PoolLeadTimeFirstToken',
  leadTimeOther: 'PoolLeadTimeOther',
} as const;

/** By the health check, of the cluster and all its fleets. */
export const HEALTH_METRIC = {
  /** 0 healthy, 1 degraded, 2 unhealthy. */
  verdict: 'HealthVerdict',
  /** Checks that were not healthy, as far as they could be read. */
  failing: 'FailingChecks',
  /** Checks that could not be read. */
  unknown: 'UnknownChecks',
} as const;
