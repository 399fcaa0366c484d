import { readFileSync } from 'node:fs';
import { repositoryPath } from '../../infra/paths.ts';
import { currentReport, REPORT_FILE } from './current.ts';

const { text, problems } = await currentReport();

describe('what the templates grant', () => {
  it('is needed by a recorded run or has its reason, and the recorded calls are all allowed', () => {
    expect(problems.join('\n')).toBe('');
  });

  it(`is what ${REPORT_FILE} says (else: npm run permissions -- --write)`, () => {
    expect(readFileSync(repositoryPath(REPORT_FILE), 'utf8')).toBe(text);
  });
});
