import { Command } from 'commander';
import { addConnectOptions, type ConnectFlags } from '../connect.ts';
import type { OpenModels } from '../models/open.ts';
import type { Verb } from '../models/orders.ts';
import type { PodStanding } from '../models/pods.ts';
import { withModels } from '../models/run.ts';

interface ModelsFlags extends ConnectFlags {
  json?: boolean;
  wait: boolean;
}
interface MirrorFlags extends ModelsFlags {
  from?: string;
  force?: boolean;
}

const OLLAMA_REGISTRY = 'https://registry.ollama.ai';

const examples = (...lines: string[]): string =>
  ['\nExamples:', ...lines.map((line) => `  npm run paddock -- models ${line}`)].join('\n');

/** `paddock models`: what lies on the pods' disks, and from where they get it. */
export function modelsCommand(): Command {
  return new Command('models')
    .description("Models on the pods' disks, and the mirror that new pods fill from.")
    .addCommand(listCommand())
    .addCommand(
      orderCommand('pull', 'there', "Have every pod keep a model on its disk, beside the fleet's own."),
    )
    .addCommand(orderCommand('pin', 'there', 'Have every pod keep a model, and never evict it.'))
    .addCommand(orderCommand('unpin', undefined, 'Let a model be evicted again when its room is needed.'))
    .addCommand(orderCommand('rm', 'gone', 'Delete a model from every pod of the fleet.'))
    .addCommand(mirrorCommand())
    .addHelpText('after', examples('list', 'mirror llama3.1:8b', 'pull llama3.1:70b --aws --fleet gpu'));
}

const listCommand = (): Command =>
  addConnectOptions(
    new Command('list')
      .description('Per pod: what is on the disk or on its way, what is loaded, its size and last use.')
      .option('--json', 'one JSON object per pod'),
  )
    .addHelpText('after', examples('list', 'list --aws --fleet cpu --json'))
    .action((flags: ModelsFlags) =>
      withModels(flags, 'Stopped.', async ({ desk, fleet }) => {
        const [{ living }, { listText }] = await Promise.all([
          import('../models/pods.ts'),
          import('../models/text.ts'),
        ]);
        const now = Date.now() / 1000;
        const pods = living(await desk.reports(), now);
        const lines = pods.map((pod) => JSON.stringify(pod)).join('\n');
        if (!flags.json || lines !== '') console.log(flags.json ? lines : listText(fleet, pods, now));
        return 0;
      }),
    );

const NOTE = `
It holds for pods that start later, too. Ctrl-C ends the waiting, not the order. Exit code 0 only if every pod did it.`;

/** @param wanted what every pod is waited for; undefined: for nothing */
function orderCommand(verb: Verb, wanted: 'there' | 'gone' | undefined, text: string) {
  const command = addConnectOptions(
    new Command(verb)
      .description(text)
      .argument('<model>', 'such as llama3.1:8b')
      .option('--json', 'one JSON object'),
  );
  if (wanted) command.option('--no-wait', 'only order it');
  return command
    .addHelpText(
      'after',
      examples(`${verb} llama3.1:8b`, `${verb} llama3.1:8b --aws --fleet cpu`) + (wanted ? NOTE : ''),
    )
    .action((model: string, flags: ModelsFlags) =>
      withModels(flags, 'Stopped waiting. The order stands.', async (models, signal) => {
        const [{ order }, { orderedText, standingsText }] = await Promise.all([
          import('../models/order.ts'),
          import('../models/text.ts'),
        ]);
        const since = Date.now() / 1000;
        const isNews = await order(verb, model, since, models);
        if (wanted === undefined || !flags.wait) {
          console.log(
            flags.json ? JSON.stringify({ model, ordered: verb }) : orderedText(verb, model, isNews),
          );
          return 0;
        }
        const standings = await waitForPods(model, wanted, since, models, signal);
        console.log(
          flags.json
            ? JSON.stringify({ model, pods: standings })
            : standingsText({ fleet: models.fleet, model, wanted, isNews }, standings),
        );
        return standings.every(({ state }) => state === 'done') ? 0 : 1;
      }),
    );
}

async function waitForPods(
  model: string,
  wanted: 'there' | 'gone',
  since: number,
  { desk }: OpenModels,
  signal: AbortSignal,
): Promise<PodStanding[]> {
  const [{ follow }, { Bar }] = await Promise.all([
    import('../models/follow.ts'),
    import('../models/bar.ts'),
  ]);
  const bar = new Bar();
  const onLook = (all: readonly PodStanding[]): void => {
    const sum = (of: (one: PodStanding) => number) => all.reduce((total, one) => total + of(one), 0);
    const done = all.filter(({ state }) => state !== 'under way').length;
    bar.show(
      sum((one) => one.completedBytes),
      sum((one) => one.totalBytes),
      `${done}/${all.length} pods`,
    );
  };
  try {
    return await follow({
      ...{ model, wanted, since, onLook, signal },
      reports: () => desk.reports(),
      now: () => Date.now() / 1000,
    });
  } finally {
    bar.end();
  }
}

const mirrorCommand = (): Command =>
  addConnectOptions(
    new Command('mirror')
      .description('Copy models into the mirror, from where new pods fill. Without a name: what is in it.')
      .argument('[model...]', 'such as llama3.1:8b')
      .option(
        '--from <place>',
        `URL of a registry, or a folder in Ollama's layout (OLLAMA_MODELS); default: ${OLLAMA_REGISTRY}`,
      )
      .option('--force', 'send everything again, also what is there')
      .option('--json', 'one JSON object per model'),
  )
    .addHelpText(
      'after',
      `${examples('mirror', 'mirror llama3.1:8b --aws --fleet cpu', 'mirror my-model --from ~/.ollama/models')}

Every file is checked against its digest. What an interrupted run has sent is not sent again: run it anew.`,
    )
    .action((names: string[], flags: MirrorFlags) =>
      withModels(
        flags,
        'Stopped. Run it again: what was sent is not sent again.',
        (models, signal, registry) =>
          names.length === 0
            ? listMirror(flags, models)
            : mirror(names, flags.from ?? registry ?? OLLAMA_REGISTRY, flags, models, signal),
      ),
    );

async function listMirror(
  { from, force, json }: MirrorFlags,
  { upload }: Pick<OpenModels, 'upload'>,
): Promise<number> {
  if (from !== undefined || force)
    throw new Error(
      'Which model is to be mirrored? State its name; without one, mirror lists what is there.',
    );
  const { displayName } = await import('../../core/protocol/model-names.ts');
  const models = (await upload.models()).map(displayName);
  const none = "The mirror is empty. 'paddock models mirror MODEL' fills it.";
  console.log(json ? JSON.stringify({ models }) : models.join('\n') || none);
  return 0;
}

async function mirror(
  names: readonly string[],
  from: string,
  { force = false, json }: MirrorFlags,
  { upload }: Pick<OpenModels, 'upload'>,
  signal: AbortSignal,
): Promise<number> {
  const [{ displayName, parseModelName }, { mirrorModel }, { openOrigin }, { mirroredText }, { Bar }] =
    await Promise.all([
      import('../../core/protocol/model-names.ts'),
      import('../models/mirror.ts'),
      import('../models/open.ts'),
      import('../models/text.ts'),
      import('../models/bar.ts'),
    ]);
  const models = names.map(parseModelName);
  const origin = await openOrigin(from);
  for (const model of models) {
    const bar = new Bar();
    const onProgress = (done: number, total: number) => bar.show(done, total, displayName(model));
    try {
      const mirrored = await mirrorModel(model, { origin, upload, force, onProgress, signal });
      bar.end();
      console.log(json ? JSON.stringify(mirrored) : mirroredText(mirrored));
    } finally {
      bar.end();
    }
  }
  return 0;
}
