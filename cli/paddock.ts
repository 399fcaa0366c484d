#!/usr/bin/env node
import { Command } from 'commander';
import { explainCommand } from './commands/explain.ts';
import { localCommand } from './commands/local.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { UserError } from './errors.ts';

const program = new Command('paddock')
  .description('Runs self-hosted LLMs on Amazon EKS: scales, warms, and explains why.')
  .addCommand(localCommand())
  .addCommand(simulateCommand())
  .addCommand(explainCommand())
  .addCommand(statusCommand())
  .showHelpAfterError('(run with --help for the options and examples)');

try {
  await program.parseAsync();
} catch (error) {
  // What the user can mend is a sentence; anything else is a defect and keeps its stack.
  const known = error instanceof UserError || (error instanceof Error && error.name === 'UserError');
  console.error(known ? `paddock: ${(error as Error).message}` : error);
  process.exitCode = 1;
}
