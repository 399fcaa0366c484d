#!/usr/bin/env node
import './colours.ts';

import { enableCompileCache } from 'node:module';
import { Command } from 'commander';
import { benchCommand } from './commands/bench.ts';
import { chaosCommand } from './commands/chaos.ts';
import { costCommand } from './commands/cost.ts';
import { dlqCommand } from './commands/dlq.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { faultCommand } from './commands/fault.ts';
import { keysCommand } from './commands/keys.ts';
import { kubernetesCommand } from './commands/kubernetes.ts';
import { localCommand } from './commands/local.ts';
import { modelsCommand } from './commands/models.ts';
import { ollamaCommand } from './commands/ollama.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { upgradeCommand } from './commands/upgrade.ts';

/** Errors that the language itself throws: nobody at a terminal can mend them. */
const DEFECTS = ['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError', 'AssertionError', 'ZodError'];

// Tables ask the environment, and not who reads them, whether to have colours.
if (!process.stdout.isTTY || process.env.NO_COLOR) process.env.FORCE_COLOR ??= '0';
// Commands import what they need when they run; CDK alone takes over a second to compile.
enableCompileCache();

// `console` passes over what can't be written: a result that is not there must not look like success.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever closed the pipe has what it wanted.
  if (error.code === 'EPIPE') return;
  // Last of all: the command sets its own code after it has printed.
  process.once('exit', () => {
    process.exitCode ||= 1;
  });
  console.error(`paddock: what was to be printed can't be written: ${error.message}`);
});

const program = new Command('paddock')
  .description('Runs self-hosted LLMs on Amazon EKS: scales, warms, and explains why.')
  .addCommand(localCommand())
  .addCommand(benchCommand())
  .addCommand(chaosCommand())
  .addCommand(simulateCommand())
  .addCommand(explainCommand())
  .addCommand(statusCommand())
  .addCommand(doctorCommand())
  .addCommand(costCommand())
  .addCommand(keysCommand())
  .addCommand(dlqCommand())
  .addCommand(modelsCommand())
  .addCommand(upgradeCommand())
  .addCommand(faultCommand())
  .addCommand(ollamaCommand())
  .addCommand(kubernetesCommand());

/** Commands that are added inherit nothing. */
function pointToHelp(command: Command): void {
  command.showHelpAfterError('(run with --help for the options and examples)');
  command.commands.forEach(pointToHelp);
}
pointToHelp(program);

/** What the SDK leaves unsaid. */
function hint({ message }: Error): string {
  if (message.includes('Region is missing'))
    return '. Set AWS_REGION to the region of the system, or AWS_PROFILE to a profile that has one.';
  if (message.includes('CredentialsProviderError'))
    return '. Log in to AWS first, such as by `aws sso login` or `aws configure`, or set AWS_PROFILE.';
  return '';
}

try {
  await program.parseAsync();
} catch (error) {
  // What a person can mend is a sentence that says how; only a defect of ours shows its stack.
  const isDefect = !(error instanceof Error) || DEFECTS.includes(error.name);
  console.error(isDefect || process.env.PADDOCK_DEBUG ? error : `paddock: ${error.message}${hint(error)}`);
  process.exitCode = 1;
}
