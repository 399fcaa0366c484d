import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { createMetrics } from '../../../functions/shared/telemetry.ts';
import { captured } from '../capture.ts';

const before = process.env.PADDOCK_CLUSTER;
afterEach(() => {
  if (before === undefined) delete process.env.PADDOCK_CLUSTER;
  else process.env.PADDOCK_CLUSTER = before;
});

describe('metrics of a function', () => {
  it('carry the cluster, because several may share an account', async () => {
    process.env.PADDOCK_CLUSTER = 'blue';
    const { lines } = await captured(async () => {
      const metrics = createMetrics('scaler').addMetric('TickFailures', MetricUnit.Count, 1);
      metrics.publishStoredMetrics();
    });
    expect(lines[0]).toMatchObject({
      ...{ cluster: 'blue', service: 'scaler', TickFailures: 1 },
      _aws: { CloudWatchMetrics: [{ Namespace: 'Paddock', Dimensions: [['service', 'cluster']] }] },
    });
  });
});
