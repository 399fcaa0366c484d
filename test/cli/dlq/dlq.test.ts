import { stripVTControlCharacters } from 'node:util';
import { UnavailableError } from '../../../adapters/errors.ts';
import type { Dlq } from '../../../cli/dlq/queue.ts';
import { rowOf } from '../../../cli/dlq/read.ts';
import { findLetter, listLetters, purgeLetters, redriveLetters } from '../../../cli/dlq/run.ts';
import { bodyText, listText, outcomeText, showText } from '../../../cli/dlq/text.ts';
import { responseObject } from '../../../core/openai/response.ts';
import { resultKey, statusKey } from '../../../core/protocol/names.ts';
import type { QueuedRequest } from '../../../core/protocol/request.ts';
import { FLEET, World } from '../../functions/healthcheck/world.ts';

type Sent = { request: QueuedRequest; group: string | undefined };

/** A person at the dead letters of a world. */
class Desk extends World {
  readonly sent: Sent[] = [];
  /** Steps that fail, once each: `<object>.<method>`. */
  readonly broken = new Set<string>();
  readonly dlq: Dlq = {
    fleet: FLEET,
    count: () => this.letters.count(),
    now: () => this.now,
    letters: this.#brittle('letters', this.letters),
    objects: this.#brittle('objects', this.objects),
    queue: this.#brittle('queue', {
      send: async (request: QueuedRequest, group?: string) => {
        this.sent.push({ request, group });
        return { messageId: 'm' };
      },
    }),
  };

  #brittle<T extends object>(part: string, target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const value = Reflect.get(object, name, object);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          if (this.broken.delete(`${part}.${String(name)}`))
            throw new UnavailableError('injected', 'Injected');
          return value.apply(object, args);
        };
      },
    });
  }

  /** A request that was given up: letter, status and result. */
  async giveUp(id: string): Promise<void> {
    this.status(id, { failures: 5, lastFailure: 'HTTP 500', replica: 'cpu-main-0', startedAt: this.now });
    this.put(id, 'given up after 5 failed attempts; the last: HTTP 500');
    await this.sweep();
  }

  /** Ended without this letter: answered by another delivery, cancelled or deleted. */
  async end(id: string, status: 'completed' | 'cancelled' | 'deleted'): Promise<void> {
    const times = { submittedAt: 1, startedAt: 1, finishedAt: 1 };
    const result = { v: 1, id, replica: 'x', status, ...times };
    await this.objects.writeOnce(resultKey(FLEET, id), JSON.stringify(result));
  }

  /** What the client reads. */
  response(id: string) {
    const status = this.readStatus(id);
    const result = this.objects.objects.has(resultKey(FLEET, id)) ? this.result(id) : undefined;
    return status && responseObject(status, result);
  }
}

describe('list', () => {
  it('tells of each letter what a person needs to decide', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    desk.pass(3600);
    desk.put('b');
    desk.letters.put('{"garbled": \u001b[2J');
    const rows = await listLetters(desk.dlq, {});
    expect(rows[0]).toMatchObject({
      ...{ id: 'a', fleet: FLEET, ageSeconds: 3600, receives: 2, attempts: 5, model: 'tiny' },
      ...{ response: 'failed', why: 'given up after 5 failed attempts; the last: HTTP 500' },
    });
    expect(rows.find(({ id }) => id === 'b')).toMatchObject({
      ...{ response: 'pending', model: 'tiny', why: 'delivered too often: no worker lived to answer it' },
    });
    expect(rows.find(({ response }) => response === 'foreign')?.why).toBe(
      'no request of this fleet: not JSON',
    );
    expect(listText(rows, FLEET)).toContain('3 dead letters');
    expect(desk.letters.visible).toBe(3);
  });

  it('does not say of one that was answered all the same that nobody did', async () => {
    const desk = new Desk();
    desk.put('a');
    await desk.end('a', 'completed');
    expect((await listLetters(desk.dlq, {}))[0]).toMatchObject({
      ...{ response: 'completed', why: 'it is completed: redrive takes the letter out' },
    });
  });

  it('says that there is none', async () => {
    expect(listText(await listLetters(new Desk().dlq, {}), FLEET)).toBe(
      "The fleet 'cpu' has no dead letters.",
    );
  });

  it('is an error when a reading fails, not a shorter list; the letters are released', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    desk.broken.add('objects.open');
    await expect(listLetters(desk.dlq, {})).rejects.toBeInstanceOf(UnavailableError);
    expect(desk.letters.visible).toBe(1);
  });
});

describe('show', () => {
  it('shows the body only on request, and then not all of a long one', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    const known = await findLetter('a', desk.dlq, {});
    if (!known) throw new Error('not found');
    const text = showText(rowOf(known, desk.dlq), known, bodyText(known.request?.body, 'none'));
    expect(text).toMatch(/submitted by +app/);
    expect(text).toMatch(/failed attempts +5/);
    expect(text).not.toContain('Why?');
    expect(bodyText({ prompt: 'x'.repeat(9000) }, 'some')).toMatch(
      /… \d+ more characters: --full shows them/,
    );
    expect(bodyText({ prompt: 'x'.repeat(9000) }, 'full')).toContain('x'.repeat(9000));
  });

  it('lets no text move the cursor of a terminal', async () => {
    const desk = new Desk();
    desk.put('a', 'HTTP 500: \u001b]0;owned\u0007\u001b[2J');
    const [row] = await listLetters(desk.dlq, {});
    const text = row ? stripVTControlCharacters(listText([row], FLEET)) : '';
    expect(text).toContain('owned');
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(row && listText([row], FLEET)).not.toContain('\u0007');
    const body = { prompt: 'a \u001b[2J b \u009b2J c\u007f' };
    const shown = bodyText(body, 'full') ?? '';
    expect(shown.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse(shown)).toEqual(body);
  });

  it('finds nothing under another name', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    expect(await findLetter('b', desk.dlq, {})).toBeUndefined();
  });
});

describe('redrive', () => {
  it('gives a request back: queued again, new attempts, for whom it was', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    expect(desk.response('a')).toMatchObject({ status: 'failed' });
    expect(await redriveLetters(new Set(['a']), desk.dlq, {})).toEqual({
      ...{ counts: { redriven: 1 }, failures: [], missing: [] },
    });
    expect(desk.response('a')).toMatchObject({ status: 'queued', paddock: { attempts_failed: 0 } });
    expect(desk.sent).toMatchObject([{ group: 'app', request: { id: 'a', body: { prompt: 'Why?' } } }]);
    expect(desk.letters.bodies).toEqual([]);
  });

  it.each(['objects.replace', 'objects.deleteIf', 'queue.send', 'letters.delete'])(
    'interrupted at %s loses nothing, and a second one completes it',
    async (step) => {
      const desk = new Desk();
      await desk.giveUp('a');
      desk.broken.add(step);
      expect(await redriveLetters(undefined, desk.dlq, {})).toMatchObject({
        failures: [{ error: 'injected' }],
      });
      expect(desk.letters.bodies).toHaveLength(1);
      // No sweep makes it fail meanwhile.
      await desk.sweep();
      const hasResult = step === 'objects.replace' || step === 'objects.deleteIf';
      expect(desk.response('a')).toMatchObject({ status: hasResult ? 'failed' : 'queued' });
      await redriveLetters(undefined, desk.dlq, {});
      expect(desk.response('a')).toMatchObject({ status: 'queued' });
      expect(desk.letters.bodies).toEqual([]);
      // Twice only where nobody can know whether the first one was sent: workers answer it once.
      expect(desk.sent).toHaveLength(step === 'letters.delete' ? 2 : 1);
    },
  );

  it('interrupted and never taken up again ends failed in the end', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    desk.broken.add('queue.send');
    await redriveLetters(undefined, desk.dlq, {});
    desk.pass(16 * 60);
    await desk.sweep();
    expect(desk.response('a')).toMatchObject({ status: 'failed' });
  });

  it.each(['completed', 'cancelled', 'deleted'] as const)(
    'sends nothing for one that is %s',
    async (status) => {
      const desk = new Desk();
      desk.status('a');
      desk.put('a');
      await desk.end('a', status);
      expect((await redriveLetters(undefined, desk.dlq, {})).counts).toEqual({ [status]: 1 });
      expect(desk.sent).toEqual([]);
      expect(desk.result('a').status).toBe(status);
    },
  );

  it('does not revive what its client deletes meanwhile', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    const key = resultKey(FLEET, 'a');
    const deleteIf = desk.objects.deleteIf.bind(desk.objects);
    desk.objects.deleteIf = async (...args) => {
      desk.objects.deleteIf = deleteIf;
      const stored = await desk.objects.open(key);
      const gone = { ...JSON.parse(stored?.body ?? ''), status: 'deleted', error: undefined };
      await desk.objects.replace(key, JSON.stringify(gone), stored?.etag ?? '');
      await desk.objects.delete(statusKey(FLEET, 'a'));
      return deleteIf(...args);
    };
    expect((await redriveLetters(undefined, desk.dlq, {})).counts).toEqual({ deleted: 1 });
    expect(desk.sent).toEqual([]);
    expect(desk.result('a').status).toBe('deleted');
  });

  it('of a request that came straight through the queue gives it new attempts too', async () => {
    const desk = new Desk();
    desk.put('a');
    await redriveLetters(undefined, desk.dlq, {});
    expect(desk.readStatus('a')).toMatchObject({ status: 'queued', failures: 0, model: 'tiny' });
    expect(desk.readStatus('a')?.owner).toBeUndefined();
    expect(desk.sent).toMatchObject([{ group: undefined }]);
  });

  it('takes two letters of one request for one', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    desk.put('a', 'given up after 5 failed attempts; the last: HTTP 500');
    await redriveLetters(new Set(['a']), desk.dlq, {});
    expect(desk.sent).toHaveLength(1);
    expect(desk.letters.bodies).toEqual([]);
  });

  it('leaves foreign messages, says so, and names what is not there', async () => {
    const desk = new Desk();
    desk.letters.put('garbled');
    expect((await redriveLetters(undefined, desk.dlq, {})).counts).toEqual({ foreign: 1 });
    expect(desk.letters.bodies).toEqual(['garbled']);
    expect(desk.letters.visible).toBe(1);
    const outcome = await redriveLetters(new Set(['nobody']), desk.dlq, {});
    expect(outcome.missing).toEqual(['nobody']);
    expect(outcomeText(outcome)).toMatch(/nobody is not in the dead-letter queue/);
  });

  it('stops between two batches when it is told to, and releases the rest', async () => {
    const desk = new Desk();
    for (let i = 0; i < 25; i += 1) desk.put(`r${i}`);
    const stopped = new AbortController();
    const onProgress = () => stopped.abort();
    await redriveLetters(undefined, desk.dlq, { signal: stopped.signal, onProgress });
    expect([desk.sent.length, desk.letters.bodies.length, desk.letters.visible]).toEqual([10, 15, 15]);
  });
});

describe('purge', () => {
  it('leaves the response failed, and takes the letter away', async () => {
    const desk = new Desk();
    await desk.giveUp('a');
    await desk.giveUp('b');
    expect((await purgeLetters(new Set(['a']), desk.dlq, {})).counts).toEqual({ purged: 1 });
    expect(desk.response('a')).toMatchObject({ status: 'failed' });
    expect(desk.letters.bodies).toHaveLength(1);
    expect(desk.letters.visible).toBe(1);
  });

  it('ends a response first that no sweep has seen', async () => {
    const desk = new Desk();
    desk.status('a');
    desk.put('a');
    desk.broken.add('letters.delete');
    await purgeLetters(undefined, desk.dlq, {});
    expect(desk.response('a')).toMatchObject({ status: 'failed' });
    await purgeLetters(undefined, desk.dlq, {});
    expect(desk.letters.bodies).toEqual([]);
  });

  it('takes foreign messages too, by their own id or with all', async () => {
    const desk = new Desk();
    desk.letters.put('garbled');
    const [row] = await listLetters(desk.dlq, {});
    expect((await purgeLetters(new Set([row?.id ?? '']), desk.dlq, {})).counts).toEqual({ purged: 1 });
    expect(desk.letters.bodies).toEqual([]);
  });
});
