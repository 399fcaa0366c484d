import type { NodeGroupHealth } from '../../../core/health/observations.ts';
import type { FailedLaunch } from '../../../core/spot/events.ts';
import { handOnFailedLaunches } from '../../../functions/healthcheck/hand-on.ts';

const AT = Date.parse('2026-02-01T12:00:00Z') / 1000;
const MESSAGE = 'Could not launch Spot Instances. InsufficientInstanceCapacity - There is none.';

const group = (name: string, code?: string): NodeGroupHealth => ({
  ...{ name, status: code ? 'DEGRADED' : 'ACTIVE', autoScalingGroups: [`eks-${name}`] },
  issues: code ? [{ code, message: MESSAGE }] : [],
});

/** Groups whose launches fail, and the machine `spot-fallback`. */
function world(launches: Record<string, FailedLaunch | Error>) {
  const executions = new Map<string, unknown>();
  const warnings: unknown[] = [];
  const asked: string[] = [];
  const deps = {
    failedLaunches: {
      async last(name: string) {
        asked.push(name);
        const launch = launches[name];
        if (launch instanceof Error) throw launch;
        return launch;
      },
    },
    spotFallback: {
      async start(name: string, event: object) {
        if (executions.has(name)) return false;
        executions.set(name, event);
        return true;
      },
    },
    log: { info() {}, error() {}, warn: (...line: unknown[]) => void warnings.push(line) },
  };
  const look = (groups: NodeGroupHealth[], at = AT) =>
    handOnFailedLaunches({ ok: true, value: groups }, at, deps);
  return { look, executions, warnings, asked, deps };
}

const launch = (activityId: string, at: number): FailedLaunch => ({ activityId, at, message: MESSAGE });

it('hands the last failed launch of a group that can not launch on, as the event that spot-fallback reads', async () => {
  const { look, executions, asked } = world({ 'eks-spot': launch('a1', AT - 20.5) });
  await look([
    group('spot', 'AsgInstanceLaunchFailures'),
    group('od'),
    group('other', 'NodeCreationFailure'),
  ]);
  expect(asked).toEqual(['eks-spot']);
  expect([...executions]).toEqual([
    [
      'issue-a1',
      {
        source: 'paddock',
        'detail-type': 'Node Group Health Issue',
        time: '2026-02-01T11:59:39.000Z',
        detail: { nodegroupName: 'spot', code: 'AsgInstanceLaunchFailures', message: MESSAGE },
      },
    ],
  ]);
});

it('hands each failure on once, however long EKS goes on telling of it, and a later one anew', async () => {
  const launches = { 'eks-spot': launch('a1', AT) };
  const { look, executions } = world(launches);
  const groups = [group('spot', 'AsgInstanceLaunchFailures')];
  for (let minute = 0; minute < 5; minute += 1) await look(groups, AT + 60 * minute);
  expect([...executions.keys()]).toEqual(['issue-a1']);
  launches['eks-spot'] = launch('a2', AT + 290);
  await look(groups, AT + 300);
  expect([...executions.keys()]).toEqual(['issue-a1', 'issue-a2']);
});

it('leaves alone what failed so long ago that it changes nothing any more, or is not on record', async () => {
  const { look, executions, warnings } = world({ 'eks-spot': launch('a1', AT - 901) });
  await look([group('spot', 'AsgInstanceLaunchFailures'), group('od', 'AsgInstanceLaunchFailures')]);
  expect(executions.size).toBe(0);
  expect(warnings).toEqual([]);
});

it('goes on with the others when one can not be handed on, and says so', async () => {
  const { look, executions, warnings } = world({
    'eks-spot': new Error('describe the scaling activities: AccessDenied'),
    'eks-od': launch('a2', AT),
  });
  await look([group('spot', 'AsgInstanceLaunchFailures'), group('od', 'AsgInstanceLaunchFailures')]);
  expect([...executions.keys()]).toEqual(['issue-a2']);
  expect(warnings).toEqual([
    [expect.any(String), { nodeGroup: 'spot', error: expect.stringContaining('AccessDenied') }],
  ]);
});

it('does nothing when the node groups can not be read', async () => {
  const { deps, executions } = world({});
  await handOnFailedLaunches({ ok: false, error: 'throttled' }, AT, deps);
  expect(executions.size).toBe(0);
});
