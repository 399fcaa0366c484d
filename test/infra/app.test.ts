import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../infra/app.ts';
import { defineConfig, presets } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';

describe('loadConfig', () => {
  it("is the repository's file when nothing else is named", async () => {
    expect(await loadConfig({})).toBe(config);
  });

  it('is the module that PADDOCK_CONFIG names', async () => {
    expect(await loadConfig({ PADDOCK_CONFIG: './paddock.config.ts' })).toEqual(config);
  });

  it('says which file there is not', async () => {
    await expect(loadConfig({ PADDOCK_CONFIG: 'nope.config.ts' })).rejects.toThrow(
      /There is no configuration .*\/nope\.config\.ts\. Copy paddock\.config\.ts/,
    );
  });

  it('says what a module without a configuration lacks', async () => {
    await expect(loadConfig({ PADDOCK_CONFIG: 'infra/paths.ts' })).rejects.toThrow(
      /infra\/paths\.ts has no default export: end it with "export default defineConfig/,
    );
  });

  describe('of a module of the user', () => {
    const dir = mkdtempSync(join(tmpdir(), 'paddock-config-'));
    afterAll(() => rmSync(dir, { recursive: true }));
    let files = 0;
    const load = async (text: string) => {
      files += 1;
      const path = join(dir, `${files}.config.mts`);
      writeFileSync(path, text);
      return await loadConfig({ PADDOCK_CONFIG: path });
    };

    it('fills in the defaults of one that was not handed to defineConfig', async () => {
      const plain = { region: 'eu-west-1', fleets: [presets.gpu()] };
      expect(await load(`export default ${JSON.stringify(plain)}`)).toEqual(defineConfig(plain));
    });

    it.each([
      ['an object of something else', 'export default {}', /region: is missing/],
      ['a number', 'export default 42', /is 42, a number\n {4}fix: Give an object/],
      ['null', 'export default null', /has no default export/],
      ['a mistake in the syntax', 'export default {', /can't be loaded:[\s\S]*Unexpected token/],
      ['an import that is not there', "import './nope.ts'", /can't be loaded:[\s\S]*nope\.ts/],
      ['what it throws', "throw new Error('no region given')", /can't be loaded:\nError: no region given$/],
    ])('says what is wrong with %s', async (_, text, message) => {
      await expect(load(text)).rejects.toThrow(message);
    });
  });
});
