import type { Problem } from './errors.ts';
import type { ParsedConfig } from './types.ts';

/** A shorter prefix is a large part of the internet, whoever's it is. */
const SHORTEST_PREFIX = 8;

/** The router asks nobody for a key: what may reach it has to be said, and must not travel in the clear over the internet. */
export function checkRouter(region: string | undefined, router: ParsedConfig['router']): Problem[] {
  const { scheme, allowedCidrs, certificateArn } = router;
  const problems: Problem[] = [];
  const certificateRegion = certificateArn?.split(':')[3];
  if (region !== undefined && certificateRegion !== undefined && certificateRegion !== region)
    problems.push({
      path: 'router.certificateArn',
      message: `is a certificate of ${certificateRegion}, but the load balancer is made in ${region}`,
      fix: `Give the ARN of a certificate of ${region}.`,
    });
  if (scheme === 'internal') return problems;
  const isWide = allowedCidrs?.some((cidr) => Number(cidr.split('/')[1]) < SHORTEST_PREFIX);
  if (!allowedCidrs || isWide)
    problems.push({
      path: 'router.allowedCidrs',
      message: `${isWide ? 'lets the internet in' : 'is not given'}, but router.scheme is "internet-facing"`,
      fix: `Name the networks of your clients, /${SHORTEST_PREFIX} or smaller, such as ["203.0.113.0/24"], or set scheme to "internal".`,
    });
  if (certificateArn === undefined)
    problems.push({
      path: 'router.certificateArn',
      message:
        'is not given, but router.scheme is "internet-facing": prompts and passwords would travel in the clear',
      fix: 'Give the ARN of an ACM certificate of the region, or set scheme to "internal".',
    });
  return problems;
}
