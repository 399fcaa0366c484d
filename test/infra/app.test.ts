import { loadConfig } from '../../infra/app.ts';
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
});
