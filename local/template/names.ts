import { createHash } from 'node:crypto';

/** Letters and digits that CloudFormation's generated names end with, 12 of them. */
export function nameHash(...parts: string[]): string {
  const digest = createHash('sha256').update(parts.join('\0')).digest();
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return [...digest.subarray(0, 12)].map((byte) => alphabet[byte % 32]).join('');
}

/** `<stack>-<logical id>-<hash>`, cut to `maxLength`; the same in every run. */
export function generatedName(stack: string, logicalId: string, maxLength: number): string {
  const readable = `${stack}-${logicalId}`.slice(0, maxLength - 13).replace(/-+$/, '');
  return `${readable}-${nameHash(stack, logicalId)}`;
}

/** Hex digits for ids such as `vpc-0a1b…`. */
export function hexId(length: number, ...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, length);
}

/** A UUID-shaped id that is the same in every run. */
export function stableUuid(...parts: string[]): string {
  const h = hexId(32, ...parts);
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-8${h.slice(17, 20)}-${h.slice(20)}`;
}
