import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE_SECONDS } from '../../patience.ts';

/** Ids of all processes that descend from this one and have not ended (Linux). */
export function descendants(): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // The name in parentheses may hold anything; the state and the parent follow it.
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const [state, parentId] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const parent = Number(parentId);
      if (state === 'Z') continue;
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const found: number[] = [];
  for (const open = [process.pid]; open.length > 0; ) {
    const next = children.get(open.pop() as number) ?? [];
    found.push(...next);
    open.push(...next);
  }
  return found;
}

export const commandLine = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
};

/** What keeps this process alive, by kind; requests to the file system and the like end by themselves. */
export const openHandles = (): string[] =>
  process.getActiveResourcesInfo().filter((kind) => /^(Timeout|\w+Wrap)$/.test(kind));

/** The handles that are open beside those of an earlier time; what has been closed may take some turns to go. */
export async function handlesBeyond(earlier: readonly string[]): Promise<string[]> {
  for (const end = Date.now() + PATIENCE_SECONDS * 1000; ; await sleep(50)) {
    const rest = openHandles();
    for (const kind of earlier) if (rest.includes(kind)) rest.splice(rest.indexOf(kind), 1);
    if (rest.length === 0 || Date.now() > end) return rest;
  }
}
