import { createHash, randomBytes } from 'node:crypto';

/** Ids tell their fleet, so that reading one needs no lookup; the rest is random. A fleet's name holds no `_`. */
const ID = /^resp_([a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?)_([A-Za-z0-9_-]{27})$/;

/** 160 random bits; 64 characters at most, as `queuedRequestSchema` has it. */
export const newId = (fleet: string): string => `resp_${fleet}_${randomBytes(20).toString('base64url')}`;

/** The fleet that an id names; undefined for what is no id of ours. */
export const fleetOfId = (id: string): string | undefined => ID.exec(id)?.[1];

export const sha256 = (...parts: string[]): string => {
  const hash = createHash('sha256');
  // Lengths keep ('ab', 'c') and ('a', 'bc') apart.
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest('hex');
};
