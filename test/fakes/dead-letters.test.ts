import { deadLettersContract } from '../contract/dead-letters.ts';
import { FakeDeadLetterQueue } from './dead-letters.ts';

deadLettersContract('fake', async () => {
  const letters = new FakeDeadLetterQueue();
  return {
    letters,
    put: async (body, reason) => letters.put(body, reason),
    breakDown: () => {
      letters.fail('receive');
      return () => letters.heal('receive');
    },
  };
});
