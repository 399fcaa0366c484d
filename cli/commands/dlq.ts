import { createInterface } from 'node:readline/promises';
import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { addConnectOptions, type ConnectFlags, connect } from '../connect.ts';
import type { Dlq, Walk } from '../dlq/queue.ts';
import type { Names, Outcome } from '../dlq/run.ts';

interface DlqFlags extends ConnectFlags {
  all?: boolean;
  yes?: boolean;
  json?: boolean;
  body?: boolean;
  full?: boolean;
}

/** What a command prints, once nothing else is on the screen. */
interface Said {
  code: number;
  text: string;
}

/** As shells report a process that Ctrl-C ended. */
const INTERRUPTED = 130;

const examples = (...lines: string[]): string =>
  ['\nExamples:', ...lines.map((line) => `  npm run paddock -- dlq ${line}`)].join('\n');

const NOTE = `
While it looks, the letters are hidden from others: for two minutes at most. Exit code 0 only if everything was done.`;

/** `paddock dlq`: requests that were given up. */
export function dlqCommand(): Command {
  return new Command('dlq')
    .description('Dead letters: requests that were given up. See them, give them back, or end them for good.')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(redriveCommand())
    .addCommand(purgeCommand())
    .addHelpText('after', examples('list', 'redrive --all', 'show resp_cpu_… --body'));
}

const listCommand = (): Command =>
  addConnectOptions(
    new Command('list')
      .description('All dead letters, oldest first, with why each ended there.')
      .option('--json', 'one JSON object per letter'),
  )
    .addHelpText('after', examples('list', 'list --aws --fleet cpu --json') + NOTE)
    .action((flags: DlqFlags) =>
      withDlq(flags, async (dlq, walk) => {
        const [{ listLetters }, { listText }] = await Promise.all([
          import('../dlq/run.ts'),
          import('../dlq/text.ts'),
        ]);
        const rows = await listLetters(dlq, walk);
        const lines = rows.map((row) => JSON.stringify(row)).join('\n');
        return { code: 0, text: flags.json ? lines : listText(rows, dlq.fleet) };
      }),
    );

const showCommand = (): Command =>
  addConnectOptions(
    new Command('show')
      .description('One dead letter: its message, its status and what happened to it.')
      .argument('<id>', 'of the request or the message, as list shows it')
      .option('--body', "the request's body too: a user's data")
      .option('--full', 'the whole body, however long')
      .option('--json', 'one JSON object'),
  )
    .addHelpText('after', examples('show resp_cpu_…', 'show resp_cpu_… --full') + NOTE)
    .action((id: string, flags: DlqFlags) => withDlq(flags, (dlq, walk) => show(id, flags, dlq, walk)));

const chosen = (command: Command): Command =>
  addConnectOptions(
    command
      .argument('[id...]', 'requests or messages, as list shows them')
      .option('--all', 'every dead letter of the fleet')
      .option('--json', 'one JSON object'),
  );

const redriveCommand = (): Command =>
  chosen(
    new Command('redrive').description(
      'Give requests back to their queue: new attempts, and their responses are queued again.',
    ),
  )
    .addHelpText('after', examples('redrive resp_cpu_…', 'redrive --all --aws --fleet cpu') + NOTE)
    .action((ids: string[], flags: DlqFlags) => {
      const names = namesOf(ids, flags);
      return withDlq(flags, async (dlq, walk) => {
        const { redriveLetters } = await import('../dlq/run.ts');
        return await report(await redriveLetters(names, dlq, walk), flags);
      });
    });

const purgeCommand = (): Command =>
  chosen(
    new Command('purge')
      .description(
        'Delete dead letters for good. Their responses stay as they ended; one that has not ended is failed.',
      )
      .option('--yes', 'do not ask'),
  )
    .addHelpText('after', examples('purge resp_cpu_… --yes', 'purge --all') + NOTE)
    .action((ids: string[], flags: DlqFlags) => {
      const names = namesOf(ids, flags);
      return withDlq(flags, async (dlq, walk) => {
        if (!flags.yes && !(await isSure(names, dlq))) return { code: 1, text: 'Nothing was purged.' };
        const { purgeLetters } = await import('../dlq/run.ts');
        return await report(await purgeLetters(names, dlq, walk), flags);
      });
    });

function namesOf(ids: string[], { all }: DlqFlags): Names {
  if (all === ids.length > 0) throw new Error('State the ids, or --all, and not both.');
  if (!all && ids.length === 0) throw new Error('State the ids (`paddock dlq list` shows them), or --all.');
  return all ? undefined : new Set(ids);
}

async function isSure(names: Names, { fleet, count }: Dlq): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new Error('Purging can not be undone: add --yes where nobody can be asked.');
  const many = names?.size ?? `all (about ${await count()})`;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const reply = await terminal.question(
    `Delete ${many} dead letters of the fleet '${fleet}' for good? [y/N] `,
  );
  terminal.close();
  return /^y(es)?$/i.test(reply.trim());
}

async function report(outcome: Outcome, { json }: DlqFlags): Promise<Said> {
  const { outcomeText } = await import('../dlq/text.ts');
  const code = outcome.failures.length + outcome.missing.length > 0 ? 1 : 0;
  return { code, text: json ? JSON.stringify(outcome) : outcomeText(outcome) };
}

async function show(id: string, flags: DlqFlags, dlq: Dlq, walk: Walk): Promise<Said> {
  const [{ findLetter }, { rowOf }, { bodyText, showText }, { requestBodyKey }] = await Promise.all([
    import('../dlq/run.ts'),
    import('../dlq/read.ts'),
    import('../dlq/text.ts'),
    import('../../core/protocol/names.ts'),
  ]);
  const known = await findLetter(id, dlq, walk);
  if (!known) {
    throw new Error(
      `${id} is not in the dead-letter queue, or someone else looks at it: 'dlq list' shows what is; try again in two minutes.`,
    );
  }
  const { request, letter, status, result } = known;
  const shown = flags.full ? 'full' : flags.body ? 'some' : 'none';
  const stored = request && !request.body && shown !== 'none';
  const body = stored
    ? JSON.parse((await dlq.objects.read(requestBodyKey(dlq.fleet, request.id))) ?? 'null')
    : (request?.body ?? letter.body);
  const row = rowOf(known, dlq);
  if (!flags.json) return { code: 0, text: showText(row, known, bodyText(body, shown)) };
  // The answer of one that ended otherwise is a user's data too.
  const { response: _, ...ended } = result ?? {};
  const all = { ...row, status, result: result && ended, ...(shown !== 'none' && { body }) };
  return { code: 0, text: JSON.stringify(all) };
}

/** Connects, shows how far it is, and lets Ctrl-C end it between two batches. */
async function withDlq(flags: DlqFlags, run: (dlq: Dlq, walk: Walk) => Promise<Said>): Promise<void> {
  const { openDlq } = await import('../dlq/open.ts');
  const dlq = await openDlq(connect(flags, { needsTable: false }));
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  let bar: SingleBar | undefined;
  try {
    const total = process.stderr.isTTY ? await dlq.count() : 0;
    const onProgress = (seen: number): void => {
      if (total < 2) return;
      bar ??= startBar(total);
      bar.update(Math.min(seen, total));
    };
    const { code, text } = await run(dlq, { signal: stopped.signal, onProgress });
    bar?.stop();
    if (text !== '') console.log(text);
    process.exitCode = stopped.signal.aborted ? INTERRUPTED : code;
  } finally {
    bar?.stop();
    process.off('SIGINT', stop);
  }
}

function startBar(total: number): SingleBar {
  const bar = new SingleBar({
    format: '{bar} {value}/{total} dead letters, {duration_formatted}, {eta_formatted} to go',
    clearOnComplete: true,
    gracefulExit: false,
  });
  bar.start(total, 0);
  return bar;
}
