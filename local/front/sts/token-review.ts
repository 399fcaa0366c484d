import { z } from 'zod';
import { AuthError } from '../auth/errors.ts';
import { callerArn } from '../auth/principals.ts';
import type { AwsResponse, Principal } from '../types.ts';

/** As an EKS access entry: which Kubernetes user and groups an IAM role is. */
export interface AccessEntry {
  principalArn: string;
  /** May hold `{{SessionName}}`. Default: the caller's STS ARN. */
  username?: string;
  groups: readonly string[];
}

export const TOKEN_REVIEW_PATH = '/kubernetes/authenticate';

const reviewSchema = z.object({
  apiVersion: z.literal('authentication.k8s.io/v1'),
  kind: z.literal('TokenReview'),
  spec: z.object({ token: z.string().min(1) }),
});

/** The apiserver's webhook authenticator: TokenReview in, TokenReview out. */
export class TokenReviews {
  #entries: readonly AccessEntry[] = [];
  readonly #authenticate: (token: string) => Promise<Principal>;

  /** @param authenticate throws AuthError */
  constructor(authenticate: (token: string) => Promise<Principal>) {
    this.#authenticate = authenticate;
  }

  setAccessEntries(entries: readonly AccessEntry[]): void {
    this.#entries = entries.map((entry) => ({ ...entry }));
  }

  async review(body: Buffer): Promise<AwsResponse> {
    let review: z.output<typeof reviewSchema>;
    try {
      review = reviewSchema.parse(JSON.parse(body.toString()));
    } catch {
      return answer(
        { authenticated: false, error: 'the body is not a TokenReview of authentication.k8s.io/v1' },
        400,
      );
    }
    try {
      const principal = await this.#authenticate(review.spec.token);
      const entry = this.#entries.find(({ principalArn }) => principalArn === principal.roleArn);
      if (!entry) return answer({ authenticated: false, error: `${principal.roleArn} has no access entry` });
      return answer({ authenticated: true, user: user(principal, entry) });
    } catch (error) {
      if (!(error instanceof AuthError)) throw error;
      return answer({ authenticated: false, error: error.message });
    }
  }
}

function user(principal: Principal, entry: AccessEntry): object {
  const arn = callerArn(principal);
  return {
    username: (entry.username ?? arn).replaceAll('{{SessionName}}', principal.name),
    uid: `aws-iam-authenticator:${principal.roleArn}`,
    groups: [...entry.groups],
    extra: { arn: [arn], canonicalArn: [principal.roleArn], sessionName: [principal.name] },
  };
}

const answer = (status: object, code = 200): AwsResponse => ({
  status: code,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status }),
});
