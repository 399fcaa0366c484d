import { randomUUID } from 'node:crypto';

const MOST = 4096;

export const nonsense = (count: number): string => 'mumble '.repeat(Math.min(count, MOST)).trimEnd();

export const words = (count: number): string => 'word '.repeat(Math.min(count, MOST)).trimEnd();

/** No two runs say the same, as with a model: a second answer to one request shows as another one. */
export const opening = (requestId: string): string => `Answer ${randomUUID()} to ${requestId || 'someone'}: `;
