import { startTimeOf } from '../../local/process-identity.ts';

describe("a process's start time", () => {
  it('is read behind its command, whatever that holds', () => {
    const rest = Array.from({ length: 40 }, (_, index) => index + 4).join(' ');
    expect(startTimeOf(`123 (sh) S ${rest}`)).toBe('22');
    expect(startTimeOf(`123 (a b) c) (d) S ${rest}`)).toBe('22');
  });
});
