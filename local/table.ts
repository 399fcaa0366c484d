import { styleText } from 'node:util';

/**
 * Style of the tables that people read. cli-table3 colours what goes into a pipe too; Node knows where colours are shown: at a
 * terminal, unless NO_COLOR says not.
 */
export const tableStyle = () => {
  const isColoured = styleText('bold', '-') !== '-';
  return { head: isColoured ? ['bold'] : [], border: isColoured ? ['gray'] : [], compact: true };
};
