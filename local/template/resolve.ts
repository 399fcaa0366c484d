import type { StackTemplate, Template } from './assembly.ts';
import { below, TemplateError, type Where } from './errors.ts';
import { dependencyOrder } from './graph.ts';
import { evaluate, evaluateCondition, type Lookups, NO_VALUE } from './intrinsics.ts';
import { hexId } from './names.ts';
import { kindOf, physicalName } from './physical.ts';
import type { Environment, PhysicalScope } from './physical-kind.ts';

/** A resource with every intrinsic function resolved. */
export interface ResolvedResource {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  /** Its name (a queue's name, a role's name), stated or generated. */
  readonly name: string;
  /** What `Ref` returns. */
  readonly ref: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** An attribute as `Fn::GetAtt` returns it; throws TemplateError for one that the type doesn't have. */
  attribute(name: string): unknown;
}

export interface ResolveOptions extends Environment {
  /** Values of template parameters, by name; before their defaults. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** SSM parameters that templates read and don't create themselves, by name. */
  readonly ssmParameters?: Readonly<Record<string, string>>;
}

/** Types whose Ref is the name of an SSM parameter. */
const SSM_PARAMETERS: readonly string[] = ['AWS::SSM::Parameter', 'Custom::InitialValue'];

/** What CDK's bootstrap stack leaves behind; templates check it before they deploy. */
const BOOTSTRAP_VERSION = '30';

/**
 * Resolves all resources of all stacks, in an order in which each comes after what it depends on.
 * Throws TemplateError (stack, resource, path) for whatever it can't resolve: nothing is guessed.
 */
export function resolveTemplates(
  stacks: readonly StackTemplate[],
  options: ResolveOptions,
): ResolvedResource[] {
  const scopes = new Map<string, StackScope>();
  for (const { name, template } of stacks) scopes.set(name, new StackScope(name, template, options, scopes));
  return [...scopes.values()].flatMap((scope) => scope.resources());
}

class StackScope implements Lookups {
  readonly #name: string;
  readonly #template: Template;
  readonly #options: ResolveOptions;
  readonly #all: ReadonlyMap<string, StackScope>;
  readonly #physical = new Map<string, PhysicalScope>();

  constructor(
    name: string,
    template: Template,
    options: ResolveOptions,
    all: ReadonlyMap<string, StackScope>,
  ) {
    this.#name = name;
    this.#template = template;
    this.#options = options;
    this.#all = all;
  }

  resources(): ResolvedResource[] {
    return dependencyOrder(this.#name, this.#template)
      .filter((id) => this.#exists(id))
      .map((id) => this.#resolve(id));
  }

  ref(name: string, where: Where): unknown {
    const pseudo = this.#pseudo(name);
    if (pseudo !== undefined) return pseudo;
    if (name in this.#template.Parameters) return this.#parameter(name, where);
    return this.#scopeOf(name, where).ref;
  }

  attribute(logicalId: string, attribute: string, where: Where): unknown {
    const scope = this.#scopeOf(logicalId, where);
    const type = this.#template.Resources[logicalId]?.Type ?? '';
    const read = kindOf(type).attributes[attribute];
    if (read === undefined) {
      throw new TemplateError(
        where,
        `the local runtime knows no attribute ${attribute} of ${type} (${logicalId})`,
      );
    }
    return read(scope);
  }

  condition(name: string, where: Where): boolean {
    const condition = this.#template.Conditions[name];
    if (condition === undefined) throw new TemplateError(where, `no condition ${name}`);
    return evaluateCondition(condition, this, { stack: this.#name, path: ['Conditions', name] });
  }

  mapping(map: string): Record<string, Record<string, unknown>> | undefined {
    return this.#template.Mappings[map];
  }

  exported(name: string, where: Where): unknown {
    for (const scope of this.#all.values()) {
      for (const [id, { Export }] of Object.entries(scope.#template.Outputs)) {
        if (Export === undefined) continue;
        const at = { stack: scope.#name, path: ['Outputs', id, 'Export', 'Name'] };
        if (evaluate(Export.Name, scope, at) === name) return this.output(scope.#name, id, where);
      }
    }
    throw new TemplateError(where, `no stack exports ${name}`);
  }

  output(stack: string, output: string, where: Where): unknown {
    const scope = this.#all.get(stack);
    const found = scope === undefined ? undefined : scope.#template.Outputs[output];
    if (scope === undefined || found === undefined) {
      throw new TemplateError(where, `no output ${output} of a stack ${stack} in this assembly`);
    }
    return evaluate(found.Value, scope, { stack, path: ['Outputs', output, 'Value'] });
  }

  ssm(name: string, where: Where): string {
    const given = this.#options.ssmParameters?.[name];
    if (given !== undefined) return given;
    for (const scope of this.#all.values()) {
      const value = scope.#ownSsmParameter(name);
      if (value !== undefined) return value;
    }
    if (/^\/cdk-bootstrap\/[^/]+\/version$/.test(name)) return BOOTSTRAP_VERSION;
    throw new TemplateError(where, `no value for the SSM parameter ${name}: pass it as ssmParameters`);
  }

  availabilityZones(region: string): string[] {
    return ['a', 'b', 'c'].map((letter) => `${region || this.#options.region}${letter}`);
  }

  #ownSsmParameter(name: string): string | undefined {
    for (const [id, resource] of Object.entries(this.#template.Resources)) {
      if (!SSM_PARAMETERS.includes(resource.Type) || !this.#exists(id)) continue;
      const scope = this.#scopeOf(id, { stack: this.#name, resource: id, path: [] });
      if (scope.ref === name) return String(kindOf(resource.Type).attributes.Value?.(scope));
    }
    return undefined;
  }

  #pseudo(name: string): unknown {
    const { accountId, region, partition } = this.#options;
    const pseudo: Record<string, unknown> = {
      'AWS::AccountId': accountId,
      'AWS::Region': region,
      'AWS::Partition': partition,
      'AWS::URLSuffix': partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com',
      'AWS::StackName': this.#name,
      'AWS::StackId': `arn:${partition}:cloudformation:${region}:${accountId}:stack/${this.#name}/local`,
      'AWS::NotificationARNs': [],
      'AWS::NoValue': NO_VALUE,
    };
    return pseudo[name];
  }

  #parameter(name: string, where: Where): unknown {
    const parameter = this.#template.Parameters[name];
    const type = parameter?.Type ?? 'String';
    const value = this.#options.parameters?.[name] ?? parameter?.Default;
    if (value === undefined) throw new TemplateError(where, `parameter ${name} has no default and no value`);
    const stored = /^AWS::SSM::Parameter::Value<(.+)>$/.exec(type);
    const text =
      stored === null ? String(value) : this.#storedParameter(stored[1] ?? '', String(value), where);
    return /^(CommaDelimitedList|List<.+>)$/.test(stored?.[1] ?? type) ? text.split(',') : text;
  }

  /** Machine images are looked up in AWS's own parameters; here any well-formed id does. */
  #storedParameter(type: string, name: string, where: Where): string {
    if (type === 'AWS::EC2::Image::Id' && this.#options.ssmParameters?.[name] === undefined) {
      return `ami-${hexId(17, name)}`;
    }
    return this.ssm(name, where);
  }

  #exists(logicalId: string): boolean {
    const resource = this.#template.Resources[logicalId];
    if (resource === undefined) return false;
    const where = { stack: this.#name, resource: logicalId, path: ['Condition'] };
    return resource.Condition === undefined || this.condition(resource.Condition, where);
  }

  #resolve(logicalId: string): ResolvedResource {
    const where = { stack: this.#name, resource: logicalId, path: ['Properties'] };
    const { Type, Properties } = this.#template.Resources[logicalId] ?? { Type: '', Properties: {} };
    const scope = this.#scopeOf(logicalId, where);
    return {
      stack: this.#name,
      logicalId,
      type: Type,
      name: scope.name,
      ref: scope.ref,
      properties: evaluate(Properties, this, where) as Record<string, unknown>,
      attribute: (name) => this.attribute(logicalId, name, { ...where, path: [name] }),
    };
  }

  #scopeOf(logicalId: string, where: Where): PhysicalScope {
    const known = this.#physical.get(logicalId);
    if (known !== undefined) return known;
    if (!this.#exists(logicalId)) {
      throw new TemplateError(
        where,
        `no resource or parameter ${logicalId} in this stack (or its condition is false)`,
      );
    }
    const scope = this.#physicalScope(logicalId, where);
    this.#physical.set(logicalId, scope);
    return scope;
  }

  /** Name and Ref are worked out when asked for: two resources may name each other in other properties. */
  #physicalScope(logicalId: string, where: Where): PhysicalScope {
    const resource = this.#template.Resources[logicalId];
    const kind = kindOf(resource?.Type ?? '');
    const property = (name: string): unknown => {
      const at = below({ stack: this.#name, resource: logicalId, path: ['Properties'] }, name);
      const value = evaluate(resource?.Properties[name], this, at);
      return value === NO_VALUE ? undefined : value;
    };
    const base = {
      env: this.#options,
      stack: this.#name,
      logicalId,
      property,
      text: (name: string) => {
        const value = property(name);
        return value === undefined ? undefined : String(value);
      },
      required: (name: string) => {
        const value = property(name);
        if (value !== undefined) return value;
        throw new TemplateError(
          { stack: this.#name, resource: logicalId, path: ['Properties', name] },
          `missing, but ${where.resource ?? where.path.join('.')} needs it`,
        );
      },
      hex: (prefix: string, salt = '') => `${prefix}-${hexId(17, this.#name, logicalId, salt)}`,
    };
    const once = <T>(compute: () => T): (() => T) => {
      let value: { of: T } | undefined;
      return () => {
        value ??= { of: compute() };
        return value.of;
      };
    };
    const name = once(() => physicalName(kind, base));
    const ref = once(() => kind.ref?.(scope) ?? scope.name);
    const scope: PhysicalScope = Object.defineProperties(
      { ...base, name: '', ref: '' },
      {
        name: { get: name },
        ref: { get: ref },
      },
    );
    return scope;
  }
}
