import { Command } from 'commander';

const EXAMPLES = `
Examples:
  npm run paddock -- ollama install
  npm run paddock -- local --model-server ollama        installs it too, where it is missing`;

/** `paddock ollama`: the real model server for local runs. */
export function ollamaCommand(): Command {
  return new Command('ollama')
    .description('The real Ollama for local runs: an optional part.')
    .addCommand(installCommand())
    .addHelpText('after', EXAMPLES);
}

function installCommand(): Command {
  return new Command('install')
    .description(
      'Bring Ollama and a small model (Gemma 3 270M, under its own terms) into the cache folder. An Ollama on the PATH, or at ' +
        'PADDOCK_OLLAMA, is used as it is; else it is built from source, once, in minutes.',
    )
    .option('--json', 'print what is installed as one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async ({ json }: { json?: boolean }) => {
      const [{ ensureOllama }, { SMALL_MODEL }, { defaultCacheDir }, { createProgress }] = await Promise.all([
        import('../../local/ollama/install.ts'),
        import('../../local/ollama/model.ts'),
        import('../../local/build/artifacts.ts'),
        import('../../local/progress.ts'),
      ]);
      const progress = createProgress({ quiet: json === true });
      const install = await ensureOllama({ cacheDir: defaultCacheDir(), progress });
      if (json) console.log(JSON.stringify({ ...install, model: SMALL_MODEL }));
      else {
        console.log(
          `Ollama ${install.version} is installed: ${install.program}\nThe model ${SMALL_MODEL} is in ${install.store}\n` +
            'Run the local system on it: npm run paddock -- local --model-server ollama',
        );
      }
    });
}
