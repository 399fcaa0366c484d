import { ChaosRecorder } from '../../../local/chaos/recorder.ts';
import type { RequestEvent } from '../../../local/front/front.ts';

const FLEET = 'cpu';
const call = (changes: Partial<RequestEvent>): RequestEvent => ({
  ...{ service: 's3', operation: 'PutObject', principal: 'Worker', status: 200, at: 0, durationMs: 1 },
  resource: ['arn:aws:s3:::bucket/results/cpu/r1.json'],
  ...changes,
});
const sqs = (operation: string, input: Record<string, unknown>, changes: Partial<RequestEvent> = {}) =>
  call({ service: 'sqs', operation, input, resource: [], ...changes });
const delivery = (ids: string[], twice = 0): RequestEvent =>
  call({
    ...{ service: 'sqs', operation: 'ReceiveMessage' },
    delivery: {
      messages: ids.map((id) => ({ body: JSON.stringify({ id }), receipt: `${id}-receipt` })),
      ...{ twice, outOfOrder: 0 },
    },
  });
const result = (changes: object = {}) => ({
  ...{ v: 1, id: 'r1', status: 'completed', replica: 'p', submittedAt: 1, startedAt: 2, finishedAt: 3 },
  response: { text: 'Answer 11111111-1111-4111-8111-111111111111 to r1: word' },
  ...changes,
});

const recorded = () => {
  const recorder = new ChaosRecorder(FLEET, () => 7);
  const only = () => recorder.trails[0];
  return { recorder, only };
};

describe('the recorder', () => {
  it('keeps what it saw of a request before its client knew that it was accepted', () => {
    const { recorder, only } = recorded();
    const written: string[] = [];
    recorder.onWritten((id) => written.push(id));
    recorder.onRequest(delivery(['r1']));
    recorder.onServer({ kind: 'started', pod: 'p', requestId: 'r1', at: 3 });
    recorder.onServer({ kind: 'cut-off', pod: 'p', requestId: 'r1', at: 4 });
    recorder.onRequest(call({}));
    recorder.accepted('r1', 'gateway');
    expect(only()).toMatchObject({
      ...{ via: 'gateway', deliveries: [7], writes: [7] },
      runs: [{ pod: 'p', startedAt: 3, end: 'cut-off', endedAt: 4 }],
    });
    expect(written).toEqual(['r1', 'r1']);
    expect([...recorder.unread]).toEqual(['r1']);
  });

  it('counts a write whose answer was lost, and none that was refused or is of something else', () => {
    const { recorder, only } = recorded();
    recorder.accepted('r1', 'queue');
    recorder.onRequest(call({ status: 500, carriedOut: 200, fault: 'answer-lost' }));
    recorder.onRequest(call({ status: 412 }));
    recorder.onRequest(call({ status: 500, carriedOut: 412, fault: 'answer-lost' }));
    recorder.onRequest(call({ status: 500, fault: 'error' }));
    recorder.onRequest(call({ resource: ['arn:aws:s3:::bucket/status/cpu/r1.json'] }));
    recorder.onRequest(call({ resource: ['arn:aws:s3:::bucket/results/gpu/r1.json'] }));
    expect(only()?.writes).toHaveLength(1);
  });

  describe('knows of a request that may be worked on twice at once', () => {
    const body = { MessageBody: JSON.stringify({ id: 'r1' }) };
    const receipt = { ReceiptHandle: 'r1-receipt' };

    it.each<[string, RequestEvent[]]>([
      ['it was sent twice', [sqs('SendMessage', body), sqs('SendMessage', body)]],
      [
        'it was sent twice, once without an answer',
        [
          sqs('SendMessage', body, { status: 500, carriedOut: 200, fault: 'answer-lost' }),
          sqs('SendMessage', body),
        ],
      ],
      ['it was delivered twice on purpose', [delivery(['r1', 'r2'], 2)]],
      [
        'its visibility could not be extended',
        [delivery(['r1']), sqs('ChangeMessageVisibility', receipt, { status: 400, fault: 'throttle' })],
      ],
    ])('%s', (_case, events) => {
      const { recorder, only } = recorded();
      recorder.accepted('r1', 'queue');
      for (const event of events) recorder.onRequest(event);
      expect(only()?.isDisturbed).toBe(true);
    });

    it('not when all went well, or only sending failed, or another one is concerned', () => {
      const { recorder, only } = recorded();
      recorder.accepted('r1', 'queue');
      for (const event of [
        sqs('SendMessage', body, { status: 503, fault: 'error' }),
        sqs('SendMessage', body),
        delivery(['r1']),
        sqs('ChangeMessageVisibility', receipt),
        delivery(['r2'], 1),
        sqs('ChangeMessageVisibility', { ReceiptHandle: 'r2-receipt' }, { status: 503, fault: 'error' }),
      ])
        recorder.onRequest(event);
      expect(only()).toMatchObject({ sent: 1, isDisturbed: false });
      expect(recorder.requestOf('r1-receipt')).toBe('r1');
    });
  });

  it('looks again for what was written, or has waited for long', () => {
    const { recorder } = recorded();
    recorder.accepted('r1', 'queue');
    expect(recorder.overdue(7)).toEqual([]);
    expect(recorder.overdue(8)).toEqual(['r1']);
    recorder.onRequest(call({}));
    expect(recorder.overdue(7)).toEqual(['r1']);
    recorder.read('r1', result());
    expect(recorder.overdue(8)).toEqual([]);
  });

  it('tells results apart by all that is in them, and one of the same content not', () => {
    const { recorder, only } = recorded();
    recorder.accepted('r1', 'queue');
    recorder.read('r1', result());
    recorder.read('r1', result());
    expect(recorder.answered).toBe(1);
    expect(only()?.readings).toHaveLength(1);
    recorder.read('r1', result({ finishedAt: 4 }));
    expect(only()?.readings).toHaveLength(2);
    recorder.read('r1', undefined);
    expect(only()?.last).toBeUndefined();
  });

  it('takes what can not be understood for no result', () => {
    const { recorder, only } = recorded();
    recorder.accepted('r1', 'queue');
    recorder.read('r1', { status: 'completed' });
    expect(only()?.last).toBeUndefined();
    expect(recorder.answered).toBe(0);
  });

  it("knows its own answer from another's", () => {
    const { recorder, only } = recorded();
    recorder.accepted('r1', 'openai');
    recorder.read('r1', result({ response: { text: 'Answer 1 to r10: word' } }));
    expect(only()?.last?.isOwn).toBe(false);
    recorder.read('r1', result());
    recorder.told('r1', 'completed', 'Answer 11111111-1111-4111-8111-111111111111 to r1: word');
    expect(only()?.last?.isOwn).toBe(true);
    expect(only()?.told?.answer).toBe(only()?.last?.answer);
  });
});
