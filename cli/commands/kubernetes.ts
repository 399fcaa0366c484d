import { Argument, Command } from 'commander';
import { DEFAULT_KUBERNETES_VERSION, KUBERNETES_VERSIONS } from '../../local/cluster/versions.ts';

const EXAMPLES = `
Examples:
  npm run paddock -- kubernetes install 1.35
  npm run paddock -- local --kubernetes 1.35            builds it too, where it is missing
  npm run paddock -- upgrade kubernetes 1.36 --watch    in a second terminal: to the next minor version`;

/** `paddock kubernetes`: the control planes of local runs. */
export function kubernetesCommand(): Command {
  return new Command('kubernetes')
    .description('The Kubernetes control planes that local runs start.')
    .addCommand(installCommand())
    .addHelpText('after', EXAMPLES);
}

function installCommand(): Command {
  return new Command('install')
    .description('Build a version into the cache folder, from source, once: minutes.')
    .addArgument(
      new Argument('[version]', 'minor version')
        .choices(KUBERNETES_VERSIONS)
        .default(DEFAULT_KUBERNETES_VERSION),
    )
    .option('--json', 'print what is installed as one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (version: string, { json }: { json?: boolean }) => {
      const [{ ensureBinaries }, { defaultCacheDir }, { createProgress }] = await Promise.all([
        import('../../local/cluster/binaries.ts'),
        import('../../local/build/artifacts.ts'),
        import('../../local/progress.ts'),
      ]);
      const progress = createProgress({ quiet: json === true });
      const binaries = await ensureBinaries({
        cacheDir: defaultCacheDir(),
        kubernetesVersion: version,
        progress,
      });
      if (json) console.log(JSON.stringify({ version, ...binaries }));
      else console.log(`Kubernetes ${version} is installed: ${binaries.kubeApiserver}`);
    });
}
