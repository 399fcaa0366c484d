import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

/**
 * Lets cdk-nag's AwsSolutions pack judge the application as it is synthesized. Synthesis then ends with exit code 1 on
 * any finding that the construct does not accept with a reason (infra/constructs/findings.ts). In a module of its own
 * because loading all rules takes half a second.
 */
export function addAwsSolutions(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
}
