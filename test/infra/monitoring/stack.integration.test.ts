import { readFileSync } from 'node:fs';
import { HEALTH_METRIC } from '../../../core/protocol/metrics.ts';
import { defineConfig, presets } from '../../../infra/config/index.ts';
import { repositoryPath } from '../../../infra/paths.ts';
import config from '../../../paddock.config.ts';
import { captured } from '../../functions/capture.ts';
import { ofType, one, type Resource, synthesize, type Template } from '../templates.ts';

const FLEETS = ['cpu', 'gpu'];
const { monitoring, controlPlane, cluster } = synthesize(config);
const alarmEmails = ['ops@example.com', 'night@example.com'];
const options = {
  alarmEmails,
  runbookUrl: 'https://wiki.example/ops',
  oldestMessageSeconds: 90,
  noTickMinutes: 7,
};
const { monitoring: changed } = synthesize(
  defineConfig({ region: 'us-east-1', fleets: [presets.cpu()], monitoring: options }),
);
const alarmsOf = (template: Template): Resource['Properties'][] =>
  ofType(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
const alarmNamed = (name: string, template = monitoring) =>
  one(template, 'AWS::CloudWatch::Alarm', { AlarmName: `paddock-${name}` })[1].Properties;
const namesOf = (template: Template) => alarmsOf(template).map(({ AlarmName }) => AlarmName);

/** As GitHub makes them of headings. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe('every alarm', () => {
  const anchors = anchorsOf(readFileSync(repositoryPath('docs', 'operations.md'), 'utf8'));

  it.each(alarmsOf(monitoring).map((alarm) => [alarm.AlarmName, alarm]))(
    '%s says what it means, links to a runbook that exists, and tells the topic',
    (_name, { AlarmDescription, AlarmActions, OKActions }) => {
      const [topic] = one(monitoring, 'AWS::SNS::Topic');
      const link = /^[A-Z].+\. What to do: docs\/operations\.md#(\S+)$/.exec(AlarmDescription);
      expect(anchors).toContain(link?.[1]);
      expect(AlarmActions).toEqual([{ Ref: topic }]);
      expect(OKActions).toEqual([{ Ref: topic }]);
    },
  );

  it('has a name of its own, and every runbook an alarm', () => {
    const names = namesOf(monitoring);
    expect(new Set(names).size).toBe(names.length);
    const linked = alarmsOf(monitoring).map(({ AlarmDescription }) => AlarmDescription.split('#')[1]);
    expect(anchors.filter((anchor) => anchor.startsWith('alarm-')).sort()).toEqual(
      [...new Set(linked)].sort(),
    );
  });
});

describe('what is watched', () => {
  it.each(FLEETS)('requests, ticks and capacity of fleet %s', (fleet) => {
    expect(alarmNamed(`${fleet}-oldest-message`)).toMatchObject({
      ...{ MetricName: 'ApproximateAgeOfOldestMessage', Threshold: fleet === 'cpu' ? 600 : 750 },
      ...{ EvaluationPeriods: 5, Period: 60 },
    });
    expect(alarmNamed(`${fleet}-dead-letters`)).toMatchObject({
      ...{ MetricName: 'ApproximateNumberOfMessagesVisible', Threshold: 1 },
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
    // Silence is the failure itself.
    expect(alarmNamed(`${fleet}-no-tick`)).toMatchObject({
      ...{ Statistic: 'SampleCount', TreatMissingData: 'breaching', ComparisonOperator: 'LessThanThreshold' },
      ...{ EvaluationPeriods: 5, Period: 60 },
    });
    for (const kind of ['tick-failures', 'reading-failures', 'command-failures', 'not-warm', 'quarantine'])
      expect(alarmNamed(`${fleet}-${kind}`).TreatMissingData).toBe('notBreaching');
  });

  it('every function and every state machine of the control plane, whoever adds one', () => {
    const names = namesOf(monitoring);
    for (const [, { Properties }] of ofType(controlPlane, 'AWS::Lambda::Function')) {
      if (!Properties.FunctionName) continue;
      expect(names).toContain(`${Properties.FunctionName}-function-errors`);
      expect(names).toContain(`${Properties.FunctionName}-function-throttles`);
    }
    for (const [, { Properties }] of ofType(controlPlane, 'AWS::StepFunctions::StateMachine'))
      expect(
        names.some(
          (name) => name.startsWith(`${Properties.StateMachineName}-`) && name.endsWith('-failures'),
        ),
      ).toBe(true);
  });

  it('upgrades that fail, but not those that were refused', () => {
    const { Namespace, MetricName } = alarmNamed('upgrade-machine-failures');
    const [machine] = ofType(controlPlane, 'AWS::StepFunctions::StateMachine').filter(
      ([, { Properties }]) => Properties.StateMachineName === 'paddock-upgrade',
    );
    const definition = readFileSync(repositoryPath('state-machines', 'upgrade.asl.json'), 'utf8');
    const refused = JSON.parse(definition).States.Refused.Error;
    const filters = ofType(monitoring, 'AWS::Logs::MetricFilter').map(([, { Properties }]) => Properties);
    const filter = filters.find(({ MetricTransformations: [metric] }) => metric.MetricName === MetricName);
    expect(filter?.MetricTransformations[0].MetricNamespace).toBe(Namespace);
    expect(filter?.FilterPattern).toBe(
      `{ ($.type = "ExecutionFailed") && ($.details.error != "${refused}") }`,
    );
    // It is that machine's log, and it tells of the end of each execution.
    const { Level, Destinations } = machine?.[1].Properties.LoggingConfiguration ?? {};
    expect(Level).toBe('ALL');
    const [log] = Destinations[0].CloudWatchLogsLogGroup.LogGroupArn['Fn::GetAtt'];
    expect(JSON.stringify(filter?.LogGroupName)).toContain(log);
  });

  it("the router's answers, by the container log that the cluster's stack makes", () => {
    const filters = ofType(monitoring, 'AWS::Logs::MetricFilter')
      .map(([, { Properties }]) => Properties)
      .filter(({ MetricTransformations: [metric] }) => metric.MetricName.startsWith('Router'));
    const groups = ofType(cluster, 'AWS::Logs::LogGroup').map(
      ([, { Properties }]) => Properties.LogGroupName,
    );
    expect(filters).toHaveLength(3);
    for (const { LogGroupName, FilterPattern } of filters) {
      expect(groups).toContain(LogGroupName);
      expect(FilterPattern).toContain('($.kubernetes.container_name = "router")');
    }
    const { Namespace, MetricName } = alarmNamed('router-errors');
    expect(filters.flatMap(({ MetricTransformations }) => MetricTransformations)).toContainEqual(
      expect.objectContaining({ MetricNamespace: Namespace, MetricName }),
    );
  });

  it('with the thresholds and runbooks of the configuration', () => {
    const oldest = alarmNamed('cpu-oldest-message', changed);
    expect(oldest).toMatchObject({ Threshold: 90 });
    expect(oldest.AlarmDescription).toContain('https://wiki.example/ops#alarm-oldest-message');
    expect(alarmNamed('cpu-no-tick', changed).EvaluationPeriods).toBe(7);
  });
});

describe('whom alarms are told', () => {
  it('is who subscribed, over an encrypted topic that alarms of this account may publish to', () => {
    const subscriptions = ofType(changed, 'AWS::SNS::Subscription').map(([, { Properties }]) => Properties);
    expect(subscriptions.map(({ Endpoint }) => Endpoint).sort()).toEqual([...alarmEmails].sort());
    const [keyId, key] = one(changed, 'AWS::KMS::Key');
    expect(one(changed, 'AWS::SNS::Topic')[1].Properties.KmsMasterKeyId).toEqual({
      'Fn::GetAtt': [keyId, 'Arn'],
    });
    const alarms = { Service: 'cloudwatch.amazonaws.com' };
    expect(key.Properties.KeyPolicy.Statement).toContainEqual(
      expect.objectContaining({ Principal: alarms, Action: ['kms:Decrypt', 'kms:GenerateDataKey*'] }),
    );
    expect(one(changed, 'AWS::SNS::TopicPolicy')[1].Properties.PolicyDocument.Statement).toContainEqual(
      expect.objectContaining({ Principal: alarms, Action: 'sns:Publish', Effect: 'Allow' }),
    );
  });
});

describe('the dashboard', () => {
  const body = one(monitoring, 'AWS::CloudWatch::Dashboard')[1].Properties;
  const text = JSON.stringify(body.DashboardBody);

  it('is one for the cluster and shows each fleet, and every alarm', () => {
    expect(body.DashboardName).toBe('paddock');
    for (const title of FLEETS.flatMap((fleet) => [
      `${fleet}: queue`,
      `${fleet}: waits`,
      `${fleet}: nodes in service`,
    ]))
      expect(text).toContain(title);
    for (const [id] of ofType(monitoring, 'AWS::CloudWatch::Alarm'))
      expect(text).toContain(`"Fn::GetAtt":["${id}","Arn"]`);
  });

  it('is a page that CloudWatch can show', () => {
    const { widgets } = JSON.parse(joined(body.DashboardBody));
    expect(widgets.length).toBeGreaterThan(20);
    expect(widgets.length).toBeLessThan(500);
    for (const { x, width } of widgets) expect(x + width).toBeLessThanOrEqual(24);
  });

  it('and the alarms read nothing of ours that the scaler or the health check does not write', async () => {
    const before = process.env.PADDOCK_CLUSTER;
    process.env.PADDOCK_CLUSTER = 'paddock';
    const written = await writtenByScaler().finally(() => {
      if (before === undefined) delete process.env.PADDOCK_CLUSTER;
      else process.env.PADDOCK_CLUSTER = before;
    });
    const { widgets } = JSON.parse(joined(body.DashboardBody));
    const read = widgets
      .flatMap(({ properties }: { properties: { metrics?: unknown[][] } }) => properties.metrics ?? [])
      .filter(([namespace]: unknown[]) => namespace === 'Paddock')
      .map((metric: unknown[]) => metric.filter((part) => typeof part === 'string'));
    const fromAlarms = alarmsOf(monitoring)
      .filter(({ Namespace }) => Namespace === 'Paddock')
      .map(({ MetricName, Dimensions }) => [
        ...['Paddock', MetricName],
        ...Dimensions.flatMap(({ Name, Value }: { Name: string; Value: string }) => [Name, Value]),
      ]);
    expect(read.length).toBeGreaterThan(20);
    for (const [, name, ...dimensions] of [...read, ...fromAlarms]) {
      const pairs = Object.fromEntries(
        dimensions.flatMap((key: string, i: number) => (i % 2 === 0 ? [[key, dimensions[i + 1]]] : [])),
      );
      // What the health check writes its own test measures (test/functions/healthcheck/verdict.test.ts).
      if (pairs.service === 'healthcheck') {
        expect(Object.values(HEALTH_METRIC)).toContain(name);
        expect(pairs).toEqual({ service: 'healthcheck', cluster: 'paddock' });
        continue;
      }
      expect(written.get(name)).toEqual(Object.keys(pairs).sort());
      expect(pairs).toMatchObject({ service: 'scaler', cluster: 'paddock', fleet: expect.any(String) });
    }
  });
});

/** References stand in for themselves. */
const joined = (value: { 'Fn::Join': [string, unknown[]] } | string): string =>
  typeof value === 'string'
    ? value
    : value['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'reference')).join('');

/** Names of the metrics that a tick with every trouble writes, with the names of their dimensions, sorted. */
async function writtenByScaler(): Promise<Map<string, string[]>> {
  const { createMetrics } = await import('../../../functions/shared/telemetry.ts');
  const { EmbeddedGauges } = await import('../../../functions/scaler/metrics.ts');
  const { World } = await import('../../functions/scaler/world.ts');
  const world = new World(1);
  const { lines } = await captured(async () => {
    await world.tick();
    const figures = world.figures.at(-1);
    if (!figures?.plan) throw new Error('the tick decided nothing');
    const fleet = createMetrics('scaler').addDimension('fleet', 'cpu');
    const gauges = new EmbeddedGauges(fleet, createMetrics('scaler'));
    const reasons = [{ rule: 'quarantine', text: '', numbers: {} }];
    const parts = { boot: 1, image: 1, fill: 1, load: 1, firstToken: 1, other: 1 };
    const leads = Object.fromEntries(
      Object.keys(figures.plan.wantedByPool).map((pool) => [pool, { seconds: 6, parts, deviation: 1 }]),
    );
    const cold = [{ pool: 'main', replica: 'x', reason: 'no room', failures: 1, seconds: 1 }];
    const numbers = { ...figures.plan.numbers, shortfall: 1 };
    const plan = { ...figures.plan, reasons, leads, cold, numbers };
    gauges.record({ ...figures, readingFailures: 1, commandFailures: 1, plan });
    gauges.failed();
    fleet.publishStoredMetrics();
  });
  type Emf = { CloudWatchMetrics: { Dimensions: string[][]; Metrics: { Name: string }[] }[] };
  const directives = lines.flatMap(({ _aws }) => (_aws as Emf | undefined)?.CloudWatchMetrics ?? []);
  return new Map(
    directives.flatMap(({ Dimensions, Metrics }) =>
      Metrics.map(({ Name }) => [Name, [...(Dimensions[0] ?? [])].sort()] as const),
    ),
  );
}
