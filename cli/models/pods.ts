import { modelKey } from '../../core/protocol/model-names.ts';
import { type CachedModelReport, type ModelReport, REPORT_SECONDS } from '../../core/protocol/models.ts';
import type { Seconds } from '../../core/scaling/types.ts';

/** Reports of pods that live: the others have said their last word, or nothing for too long. By name. */
export const living = (reports: readonly ModelReport[], now: Seconds): ModelReport[] =>
  reports
    .filter(({ ended, at }) => !ended && now - at < 3 * REPORT_SECONDS)
    .sort((a, b) => (a.pod < b.pod ? -1 : 1));

export const entryOf = (report: ModelReport, model: string): CachedModelReport | undefined =>
  report.models.find((entry) => modelKey(entry.model) === modelKey(model));

/** How far one pod is with an order. */
export interface PodStanding {
  pod: string;
  state: 'done' | 'failed' | 'under way';
  completedBytes: number;
  totalBytes: number;
  reason?: string;
}

/**
 * How far each pod is with an order that was given at some time.
 * @param wanted whether the model is to be there, or gone
 */
export const standings = (
  reports: readonly ModelReport[],
  model: string,
  wanted: 'there' | 'gone',
  since: Seconds,
): PodStanding[] =>
  reports.map((report) => {
    const entry = entryOf(report, model);
    const isThere = entry?.phase === 'on-disk';
    const isDone = wanted === 'there' ? isThere : entry === undefined;
    const { bytes = 0, completedBytes = isThere ? bytes : 0, failure } = entry ?? {};
    // A failure that the pod reported before it knew the order says nothing of it.
    const hasFailed = !isDone && failure !== undefined && report.ordersAt >= since;
    return {
      ...{ pod: report.pod, completedBytes, totalBytes: bytes },
      state: isDone ? 'done' : hasFailed ? 'failed' : 'under way',
      ...(hasFailed && { reason: failure }),
    };
  });
