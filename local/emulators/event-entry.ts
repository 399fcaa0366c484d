import type { PutEventsRequestEntry, PutEventsResultEntry } from '@aws-sdk/client-eventbridge';

/** An event before it is on the bus: from an emulated service, or an entry of PutEvents. */
export interface ServiceEvent {
  source: string;
  detailType: string;
  resources: string[];
  detail: unknown;
}

const LARGEST_ENTRY_BYTES = 256 * 1024;

/** Why PutEvents refuses this entry, or undefined. */
export function entryProblem(entry: PutEventsRequestEntry): PutEventsResultEntry | undefined {
  const { Source, DetailType, Detail } = entry;
  const missing = Object.entries({ Source, DetailType, Detail }).find(([, value]) => !value)?.[0];
  if (missing)
    return invalid(`Parameter ${missing} is not valid. Reason: ${missing} is a required argument.`);
  if (Source?.startsWith('aws.')) {
    return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
  }
  if (Buffer.byteLength(Detail ?? '') > LARGEST_ENTRY_BYTES) {
    return invalid('Total size of the entries in the request is over the limit.');
  }
  try {
    JSON.parse(Detail ?? '');
    return undefined;
  } catch {
    return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
  }
}

const invalid = (message: string): PutEventsResultEntry => ({
  ErrorCode: 'InvalidArgument',
  ErrorMessage: message,
});

export const entryEvent = (entry: PutEventsRequestEntry): ServiceEvent => ({
  source: entry.Source ?? '',
  detailType: entry.DetailType ?? '',
  resources: entry.Resources ?? [],
  detail: JSON.parse(entry.Detail ?? '{}'),
});

/** Milliseconds since the epoch; the wire carries epoch seconds. */
export function entryTime({ Time }: PutEventsRequestEntry): number | undefined {
  const value = Time as Date | number | undefined;
  return typeof value === 'number' ? value * 1000 : value?.getTime();
}
