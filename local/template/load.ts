import { readAssembly } from './assembly.ts';
import { type Manifest, manifestsOf } from './manifests.ts';
import { type ResolvedResource, type ResolveOptions, resolveTemplates } from './resolve.ts';
import { type Resources, typedResources } from './resources.ts';
import { type RoleView, roleViews } from './roles.ts';

export interface LoadOptions extends Omit<ResolveOptions, 'partition'> {
  /** A `cdk.out` directory, or what `App.synth()` returned. */
  readonly assembly: string | { readonly directory: string };
  /** Default `aws`. */
  readonly partition?: string;
}

/** The synthesized templates, as the local runtime boots from them. */
export interface ResolvedApp extends Resources {
  readonly accountId: string;
  readonly region: string;
  /** Every resource, each after what it depends on. */
  readonly resources: readonly ResolvedResource[];
  readonly roles: readonly RoleView[];
  /** Kubernetes objects in an order in which they can be applied. */
  readonly manifests: readonly Manifest[];
}

/**
 * Loads a cloud assembly and resolves all of it.
 * Throws TemplateError, which names stack, resource and path, for anything that can't be resolved.
 */
export function loadTemplates({ assembly: source, partition = 'aws', ...options }: LoadOptions): ResolvedApp {
  const assembly = readAssembly(source);
  const environment = { ...options, partition, frontUrl: options.frontUrl.replace(/\/+$/, '') };
  const resources = resolveTemplates(assembly.stacks, environment);
  const typed = typedResources(resources, assembly);
  return {
    ...typed,
    accountId: options.accountId,
    region: options.region,
    resources,
    roles: roleViews(resources, typed),
    manifests: manifestsOf(resources),
  };
}
