import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { DeadLetterQueue, WorkQueue } from '../adapters/aws/queue.ts';
import type { ResultStore, StatusStore } from '../adapters/aws/results.ts';
import type { HeartbeatLease } from '../adapters/kubernetes/lease.ts';
import type { ModelServer } from '../adapters/ollama/server.ts';
import type { Heartbeat } from '../core/protocol/heartbeat.ts';
import type { WorkerConfig } from './config.ts';
import { Consumer } from './consumer.ts';
import { newCounters } from './counters.ts';
import { Drain } from './drain.ts';
import { HeartbeatLoop } from './heartbeat.ts';
import type { Log } from './log.ts';
import { WorkerMetrics } from './metrics.ts';
import { createMetricsServer } from './metrics-server.ts';
import { createModels, type ModelParts } from './models/models.ts';
import { InferenceProxy } from './proxy.ts';
import { createDoor } from './server.ts';
import { Slots } from './slots.ts';
import { WorkerState } from './state.ts';
import { sleep } from './time.ts';
import { Warmup } from './warmup.ts';

export interface WorkerOptions {
  config: WorkerConfig;
  /** Names this process; its counters start at zero. */
  workerId: string;
  queue: WorkQueue;
  results: ResultStore & StatusStore;
  deadLetters: DeadLetterQueue;
  server: ModelServer;
  models: ModelParts;
  lease: HeartbeatLease;
  log: Log;
}

export interface Worker {
  /** Listens and starts to load; resolves with the address once it listens. */
  start(): Promise<AddressInfo>;
  /** Drains to the end, says so in a last heartbeat, and stops. */
  terminate(): Promise<void>;
}

/** The final heartbeat is worth a moment, not the whole grace period. */
const LAST_BEAT_MS = 2000;

/** Puts the parts of the worker together. */
export function createWorker(options: WorkerOptions): Worker {
  const { config, workerId, queue, results, deadLetters, server, lease, log } = options;
  const { models, slots: size, requestTimeoutSeconds: timeoutSeconds, fleet, podName: replica } = config;
  const slots = new Slots(size);
  const state = new WorkerState();
  const counters = newCounters();
  const metrics = new WorkerMetrics({ slots, state });
  const { podUid } = config;
  const cache = createModels({
    ...{ ...options.models, config, log, isWarm: () => state.isWarm, warmth: () => warmup.report().models },
  });
  const warmup = new Warmup({
    ...{ podUid, workerId, server, models, state, log, sleep, now: Date.now, fill: cache.fill },
  });
  const onServerTrouble = () => warmup.look();
  const proxy = new InferenceProxy({
    server,
    slots,
    state,
    models: config.names,
    behind: config.behind,
    counters,
    metrics,
    log,
    timeoutSeconds,
    onServerTrouble,
    onUse: cache.use,
  });
  const consumer = new Consumer({
    ...{ models: config.names, behind: config.behind },
    ...{ queue, results, server, slots, state, counters, metrics, log, timeoutSeconds },
    ...{ statuses: results, deadLetters, maxAttempts: config.maxAttempts, onServerTrouble, onUse: cache.use },
    ...{ fleet, replica, visibilitySeconds: config.visibilitySeconds, now: Date.now, sleep },
  });
  const never = new AbortController().signal;
  const settled = async (): Promise<void> => {
    await Promise.all([consumer.settled(), proxy.settled(), slots.whenIdle(never)]);
    heartbeat.soon();
  };
  const drain = new Drain({
    ...{ state, log, sleep, settled, terminationSeconds: config.drainSeconds },
    cutOff: () => {
      consumer.cutOff();
      proxy.cutOff();
    },
  });
  const heartbeat = new HeartbeatLoop({
    ...{ lease, log, sleep, intervalSeconds: config.heartbeatSeconds },
    snapshot: (): Heartbeat => ({
      ...{ v: 1, workerId, podUid, fleet, pool: config.pool, ...counters },
      ...{ state: state.current, slots: size, models: [...models], warmAt: state.warmAt / 1000 },
      ...{ busyQueue: consumer.busy, busyInteractive: slots.busyOf('interactive') },
      ...{ busySlotSeconds: slots.busySlotSeconds, lastActiveAt: slots.lastActiveAt },
      warmUp: warmup.summary(),
    }),
    onDrainMark: (deadline) => drain.setMark(deadline),
  });
  const canary = { server, slots, state, models, log, onServerTrouble };
  const door = createDoor({ state, warmup, proxy, canary, log });
  const metricsServer = createMetricsServer(metrics.registry);

  state.onChange((current) => {
    log.info('state', { state: current });
    heartbeat.soon();
  });

  return {
    async start() {
      // A replica that can't be measured still serves; Prometheus sees that it is not there.
      metricsServer.on('error', (error) => log.error('the metrics can not be offered', { error }));
      metricsServer.listen(config.metricsPort, config.listenHost);
      door.listen(config.listenPort, config.listenHost);
      await once(door, 'listening');
      const address = door.address() as AddressInfo;
      log.info('listening', { address: address.address, port: address.port, models, slots: size });
      await cache.start();
      void warmup.run();
      if (!config.isCanary) {
        void heartbeat.run();
        void consumer.run();
      }
      return address;
    },
    async terminate() {
      consumer.stop();
      await drain.terminate();
      heartbeat.stop();
      const lastWords = config.isCanary ? [] : [heartbeat.beat()];
      await Promise.race([Promise.all([...lastWords, cache.end()]), sleep(LAST_BEAT_MS)]);
      warmup.stop();
      for (const server of [door, metricsServer]) {
        server.close();
        server.closeAllConnections();
      }
      log.info('stopped', { ...counters });
    },
  };
}
