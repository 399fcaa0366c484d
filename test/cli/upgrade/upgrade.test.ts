import { NEW_IMAGE, OLD_IMAGE } from '../../functions/upgrade/world.ts';
import { isOld } from '../../state-machines/upgrade-run.ts';
import { Person } from './person.ts';

const OLLAMA = ['ollama', '0.18.0'];

/** Bad answers of whatever runs the new image. */
const breakNew = ({ world }: Person): void => {
  world.answer = (image) => (image === NEW_IMAGE ? { ok: false, error: 'it answered 500' } : undefined);
};

describe('paddock upgrade --dry-run', () => {
  it('shows each step, who undoes it and until when, and changes nothing', async () => {
    const person = new Person();
    const { code, out } = await person.types(...OLLAMA, '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain(`Ollama ${OLD_IMAGE} → ${NEW_IMAGE}`);
    for (const step of ['canary-cpu', 'roll-cpu-main', 'roll-cpu-spot', 'record'])
      expect(out).toContain(step);
    expect(out).toContain('undone by');
    expect(out).toContain('Nothing stands in the way.');
    expect([isOld(person.world), person.world.leftovers()]).toEqual([true, []]);
    expect(await person.world.state.history(1)).toEqual([]);
  });

  it('lists what stands in the way, each with what to do, and exit code 1', async () => {
    const person = new Person();
    person.world.eks.status = 'UPDATING';
    const { code, out } = await person.types(...OLLAMA, '--dry-run');
    expect(code).toBe(1);
    expect(out).toMatch(/cluster: the cluster is UPDATING\n +→ wait until EKS/);
    const json = JSON.parse((await person.types(...OLLAMA, '--dry-run', '--json')).out);
    expect(json.obstacles).toEqual([expect.objectContaining({ rule: 'cluster' })]);
    expect(json.plan.steps).toHaveLength(4);
  });

  it('of what makes no sense says so, as JSON too', async () => {
    const { code, out } = await new Person().types('ollama', '0.17.4', '--dry-run', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out).error).toContain('run docker.io/ollama/ollama:0.17.4 already');
  });
});

describe('paddock upgrade', () => {
  it('--watch tells each step with how far it is, and the end', async () => {
    const person = new Person();
    const { code, out, err } = await person.types(...OLLAMA, '--watch');
    expect([code, out]).toEqual([0, 'Upgraded.']);
    expect(err).toMatch(/^\[-{10}\] 0\/4 begin: nothing stands in the way/);
    for (const [line] of [[/0\/4 canary: .*soaks: \d+ of \d+ prompts/], [/1\/4 roll: cpu: main: \d of/]])
      expect(err).toMatch(line as RegExp);
    expect(isOld(person.world)).toBe(false);
  });

  it('without --watch begins and returns; status follows it, history keeps it', async () => {
    const person = new Person();
    const { code, out } = await person.types(...OLLAMA);
    expect(code).toBe(0);
    expect(out).toContain('It has begun');
    expect(isOld(person.world)).toBe(true);
    const status = await person.types('status');
    expect(status.out).toMatch(/Ollama .*\n {2}\d of 4 steps done; \w+: .*\n {2}began .*\(UTC\)$/);
    const watched = await person.types('status', '--watch');
    expect([watched.code, watched.out]).toEqual([0, 'Upgraded.']);
    expect((await person.types('status')).out).toMatch(
      /No upgrade runs\.\nThe last one: Ollama .*: upgraded at/,
    );
    expect((await person.types('history')).out).toMatch(/Ollama[\s\S]*upgraded/);
    const [kept] = JSON.parse((await person.types('history', '--json')).out);
    expect(kept).toMatchObject({ outcome: 'upgraded', from: OLD_IMAGE, to: NEW_IMAGE, done: 4, total: 4 });
  });

  it('of a bad version ends with why, and exit code 1', async () => {
    const person = new Person();
    breakNew(person);
    const { code, out } = await person.types(...OLLAMA, '--watch');
    expect(code).toBe(1);
    expect(out).toMatch(/^Rolled back, everything is as it was: the canary failed .*it answered 500$/);
    expect((await person.types('history')).out).toMatch(/rolled-back/);
    expect((await person.types('status')).out).toMatch(/rolled-back at .*: the canary failed/);
  });

  it('--json prints one object, and nothing beside it', async () => {
    const person = new Person();
    breakNew(person);
    const { code, out, err } = await person.types(...OLLAMA, '--watch', '--json');
    expect([code, err]).toEqual([1, '']);
    expect(JSON.parse(out)).toEqual({
      ...{ arn: expect.any(String), status: 'FAILED', error: 'UpgradeRolledBack' },
      cause: expect.stringContaining('the canary failed'),
    });
    person.world.answer = () => undefined;
    const good = await person.types(...OLLAMA, '--watch', '--json');
    expect(JSON.parse(good.out)).toEqual({ arn: expect.any(String), status: 'SUCCEEDED' });
  });

  it('is refused while another runs: it says which, how far it is, and what to do', async () => {
    const person = new Person();
    await person.types(...OLLAMA);
    const { code, out } = await person.types('model', 'llama3.2:3b');
    expect(code).toBe(1);
    expect(out).toMatch(
      /^Refused, nothing was changed:\nanother upgrade runs: Ollama .*`paddock upgrade status`/,
    );
    await person.waits();
    expect(person.world.leftovers()).toEqual([]);
  });

  it('that could not begin says so: nothing is half-way', async () => {
    const person = new Person();
    person.fault = { task: 'Begin', when: 'before' };
    const { code, out } = await person.types(...OLLAMA, '--watch');
    expect(code).toBe(1);
    expect(out).toMatch(/^It could not begin, nothing was changed: .*Begin is broken/);
  });

  it('of nodes that stopped says that the same again takes the rest', async () => {
    const person = new Person();
    person.fault = { task: 'Update nodes', when: 'before' };
    const { code, out } = await person.types('nodes', '--watch');
    expect(code).toBe(1);
    expect(out).toMatch(/^Stopped: UpgradeStopped: .*Update nodes is broken\nEach node group is old or new/);
  });

  it.each([
    ['the same version', ['ollama', '0.17.4'], /run docker.io\/ollama\/ollama:0.17.4 already/],
    ['a fleet that is not there', ['model', 'x:1b', '--fleet', 'nope'], /no fleet nope; there are: cpu/],
    ['a name that is not served', ['model', 'x=y'], /serves no model x, only llama3.1:8b/],
    ['a version that is years away', ['kubernetes', '1.39'], /one minor version at a time/],
    ['an older version', ['kubernetes', '1.34'], /no newer minor version/],
  ])('%s is refused, whatever the watching', async (_, args, words) => {
    const person = new Person();
    for (const flags of [[], ['--watch']]) {
      const { code, out } = await person.types(...args, ...flags);
      expect(code).toBe(1);
      expect(out).toMatch(words);
      expect(out).toContain('Refused, nothing was changed');
    }
    expect(person.world.leftovers()).toEqual([]);
  });

  it.each([
    ['kubernetes', 'next', /"next" is not a minor version, such as 1.36/],
    ['ollama', 'a b', /"a b" is not a version/],
    ['model', '--fleet=cpu', 'llama3:8b=', /is not a model/],
    ['nodes', 'newest', /is not `latest`, or a release/],
  ] as (string | RegExp)[][])('%s %s is an error before anything is asked', async (...all) => {
    const words = all.pop() as RegExp;
    await expect(new Person().types(...(all as string[]))).rejects.toThrow(words);
  });
});

describe('paddock upgrade abort', () => {
  it('takes one that runs back; asked for, that is no failure', async () => {
    const person = new Person();
    await person.types(...OLLAMA);
    const { code, out, err } = await person.types('abort', '--watch');
    expect(code).toBe(0);
    expect(err).toContain('Asked to go back: Ollama');
    expect(out).toBe('Rolled back, everything is as it was: a person asked to go back');
    expect([isOld(person.world), person.world.leftovers()]).toEqual([true, []]);
  });

  it('without --watch says what happens next', async () => {
    const person = new Person();
    await person.types(...OLLAMA);
    const { code, out } = await person.types('abort');
    expect(code).toBe(0);
    expect(out).toMatch(/^It goes back at its next step/);
    expect((await person.types('status')).out).toContain('asked to go back');
    await person.waits();
    expect((await person.types('status')).out).toMatch(/rolled-back at .*: a person asked to go back/);
  });

  it('that comes too late is a failure, and says how to go back', async () => {
    const person = new Person();
    let isNear = () => {};
    const near = new Promise<void>((resolve) => {
      isNear = resolve;
    });
    person.world.state.onNote = ({ say }) => say === 'every replica is new' && isNear();
    person.begin({ target: 'ollama', to: '0.18.0' });
    await near;
    const { code, out, err } = await person.types('abort', '--watch');
    expect([code, out]).toEqual([1, 'Upgraded.']);
    expect(err).toContain('It had ended before it heard');
  });

  it('takes back what was left half-way, and says that it did', async () => {
    const person = new Person();
    person.fault = { task: 'Record version', when: 'before' };
    const { code, out } = await person.types(...OLLAMA, '--watch');
    expect(code).toBe(1);
    expect(out).toMatch(
      /^Stopped half-way: .*Record version is broken\nStart the same again.*upgrade abort$/,
    );
    const status = await person.types('status');
    expect(status.out).toContain('Its execution has ended half-way');
    expect(isOld(person.world)).toBe(false);
    const back = await person.types('abort', '--watch');
    expect([back.code, back.out]).toEqual([0, 'Taken back, everything is as it was.']);
    expect([isOld(person.world), person.world.leftovers()]).toEqual([true, []]);
  });

  it('of nothing is an error that says so', async () => {
    await expect(new Person().types('abort')).rejects.toThrow('No upgrade runs, and none was left half-way.');
  });
});

it('status and history of a new system', async () => {
  const person = new Person();
  expect(await person.types('status')).toMatchObject({ code: 0, out: 'No upgrade runs.' });
  expect(JSON.parse((await person.types('status', '--json')).out)).toEqual({
    ...{ running: null, execution: null, last: null },
  });
  expect((await person.types('history')).out).toBe('There was no upgrade yet.');
});
