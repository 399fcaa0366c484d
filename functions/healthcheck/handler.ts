import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { Verdict } from '../../core/protocol/verdict.ts';
import { telemetry } from '../shared/telemetry.ts';
import { connectSweep, connectVerdict } from './connect.ts';
import { parseHealthcheckEvent } from './event.ts';
import { type SweepDependencies, Sweeper, type SweepReport } from './sweep.ts';
import { recordSweep, recordVerdict } from './telemetry.ts';
import { giveVerdict, type VerdictDependencies } from './verdict.ts';

const { logger, metrics, stack } = telemetry('healthcheck');

/** Before the function is ended: time for the calls under way. */
const RESERVE_MS = 12_000;

/** What each duty reaches outside itself; made at its first event, then kept: connections stay open between calls. */
export interface Connections {
  sweep(): SweepDependencies;
  verdict(): VerdictDependencies;
}

/** The handler with its middleware. */
export function createHandler(connections: Connections) {
  let sweeper: Sweeper | undefined;
  let health: VerdictDependencies | undefined;
  const fn = async (raw: unknown, context: Context): Promise<SweepReport[] | Verdict> => {
    if (parseHealthcheckEvent(raw).duty === 'verdict') {
      health ??= connections.verdict();
      const verdict = await giveVerdict(health);
      recordVerdict(verdict, metrics, logger);
      return verdict;
    }
    sweeper ??= new Sweeper(connections.sweep());
    const reports = await sweeper.sweep(Date.now() + context.getRemainingTimeInMillis() - RESERVE_MS);
    recordSweep(reports, metrics, logger);
    return reports;
  };
  return middy(fn).use(stack);
}

export const handler = createHandler({
  sweep: () => connectSweep(logger),
  verdict: () => connectVerdict(logger),
});
