import { z } from 'zod';

/** A DNS label (RFC 1123) that begins with a letter: valid in every Kubernetes and AWS name built from it. */
export const dnsLabel = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .regex(
      /^[a-z]([a-z0-9-]*[a-z0-9])?$/,
      'use lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen',
    );
