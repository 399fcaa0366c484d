/** Something the person at the terminal can mend; the message says how. Exit code 1. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
