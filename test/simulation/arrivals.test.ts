import path from 'node:path';
import { ArrivalsError, parseArrivals, readArrivals, superpose } from '../../simulation/arrivals.ts';

const OWN = 'offsetSeconds,promptTokens,outputTokens\n';

describe('arrivals from CSV', () => {
  it('reads the project columns in any order, sorted by time', () => {
    const arrivals = parseArrivals('outputTokens,offsetSeconds,promptTokens\n30,2,5000\n60,1,0\n', 'x.csv');
    expect([...arrivals.at]).toEqual([1, 2]);
    expect([...arrivals.service]).toEqual([2, 2]);
    expect(arrivals.durationSeconds).toBe(2);
  });

  it("reads Azure's columns, counting from the first request", () => {
    const text =
      'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,5000,30\n2023-11-16 18:17:05.4799600,0,3\n';
    const arrivals = parseArrivals(text, 'x.csv');
    expect(arrivals.at[0]).toBe(0);
    expect(arrivals.at[1]).toBeCloseTo(1.5, 5);
    expect(arrivals.service[1]).toBeCloseTo(0.1, 9);
  });

  it('takes a fixed service time instead of tokens', () => {
    expect([...parseArrivals('offsetSeconds\n1\n', 'x.csv', { seconds: 7 }).service]).toEqual([7]);
  });

  it.each([
    ['a word for a number', `${OWN}1,2,3\n2,many,3\n`, /x\.csv: line 3: column promptTokens holds "many"/],
    ['a negative offset', `${OWN}-1,2,3\n`, /line 2: column offsetSeconds holds "-1"/],
    [
      'a missing column',
      'offsetSeconds,promptTokens\n1,2\n',
      /line 1: .*expected offsetSeconds, promptTokens, outputTokens/,
    ],
    ['a short row', `${OWN}1,2\n`, /line 2: column outputTokens holds nothing/],
    [
      'a bad time',
      'TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,1\n',
      /line 2: column TIMESTAMP holds "yesterday"/,
    ],
    ['no rows', OWN, /x\.csv holds no requests/],
    ['an empty file', '', /x\.csv holds no requests/],
    ['a broken quote', `${OWN}1,"2,3\n`, /x\.csv is not CSV/],
  ])('refuses %s and says where', (_, text, message) => {
    expect(() => parseArrivals(text, 'x.csv')).toThrow(ArrivalsError);
    expect(() => parseArrivals(text, 'x.csv')).toThrow(message);
  });

  it('says that a file is not there', async () => {
    await expect(readArrivals(path.join('no', 'such.csv'))).rejects.toThrow(
      /no\/such\.csv: there is no such file/,
    );
  });

  it('superposes shifted copies that wrap at the duration', () => {
    const arrivals = parseArrivals(`${OWN}1,5000,0\n4,10000,0\n`, 'x.csv');
    const twice = superpose(arrivals, 2);
    // 1 and 4 as they are (4 wraps to 0), and shifted by 2: 3, and 6 wraps to 2.
    expect([...twice.at]).toEqual([0, 1, 2, 3]);
    expect([...twice.service]).toEqual([2, 1, 2, 1]);
  });
});
