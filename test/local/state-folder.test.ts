import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeStateFolder } from '../../local/state-folder.ts';

describe('makeStateFolder', () => {
  const dir = mkdtempSync(join(tmpdir(), 'paddock-state-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('makes every folder on the way, for this user alone, and leaves nothing in it', () => {
    const folder = join(dir, 'a', 'b');
    makeStateFolder(folder);
    makeStateFolder(folder);
    for (const made of [join(dir, 'a'), folder]) expect(statSync(made).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('names a folder that nothing can be written to, and what to do', () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    for (const folder of ['/proc', file, join(file, 'below')])
      expect(() => makeStateFolder(folder)).toThrow(
        new RegExp(`^The state folder ${folder} can't be made or written to: .*--state-dir`),
      );
  });
});
