import type { Problem } from './errors.ts';
import type { ParsedConfig } from './types.ts';

/** The router asks nobody for a key: what may reach it has to be said, and must not travel in the clear over the internet. */
export function checkRouter(router: ParsedConfig['router']): Problem[] {
  const problems: Problem[] = [];
  router.allowedCidrs?.forEach((cidr, index) => {
    if (!isCidr(cidr))
      problems.push({
        path: `router.allowedCidrs[${index}]`,
        message: `"${cidr}" is no IPv4 network`,
        fix: 'Write four numbers up to 255 and a prefix up to 32, such as "10.0.0.0/8".',
      });
  });
  if (router.scheme === 'internal') return problems;
  if (!router.allowedCidrs?.length || router.allowedCidrs.some((cidr) => cidr.endsWith('/0')))
    problems.push({
      path: 'router.allowedCidrs',
      message: `${router.allowedCidrs?.length ? 'lets the whole internet in' : 'is not given'}, but router.scheme is "internet-facing"`,
      fix: 'Name the networks of your clients, such as ["203.0.113.0/24"], or set scheme to "internal".',
    });
  if (router.certificateArn === undefined)
    problems.push({
      path: 'router.certificateArn',
      message:
        'is not given, but router.scheme is "internet-facing": prompts and passwords would travel in the clear',
      fix: 'Give the ARN of an ACM certificate of the region, or set scheme to "internal".',
    });
  return problems;
}

function isCidr(text: string): boolean {
  const [address = '', prefix] = text.split('/');
  return address.split('.').every((part) => Number(part) <= 255) && Number(prefix) <= 32;
}
