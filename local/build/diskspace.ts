import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { BuildError } from './go.ts';

export interface SpaceNeed {
  dir: string;
  bytes: number;
}

/** Free bytes for an ordinary user where a folder lies, and which file system that is. */
export type Disk = (dir: string) => { device: number; freeBytes: number };

const realDisk: Disk = (dir) => {
  mkdirSync(dir, { recursive: true });
  const { bavail, bsize } = statfsSync(dir);
  return { device: statSync(dir).dev, freeBytes: bavail * bsize };
};

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Throws BuildError when a file system has less free than what is needed there; folders on one add up. */
export function checkFreeSpace(what: string, needs: SpaceNeed[], disk: Disk = realDisk): void {
  const perDevice = Map.groupBy(
    needs.map((need) => ({ ...need, ...disk(need.dir) })),
    ({ device }) => device,
  );
  for (const onDevice of perDevice.values()) {
    const needed = onDevice.reduce((sum, { bytes }) => sum + bytes, 0);
    const free = Math.min(...onDevice.map(({ freeBytes }) => freeBytes));
    if (free < needed) {
      const places = onDevice.map(({ dir, bytes }) => `${dir} (${gib(bytes)})`).join(', ');
      throw new BuildError(
        `Not enough disk space: building ${what} needs ${gib(needed)} in ${places}, and ${gib(free)} are free. ` +
          'Free some space, or move the folders: PADDOCK_CACHE for the binaries, GOCACHE and GOMODCACHE for Go.',
      );
    }
  }
}
