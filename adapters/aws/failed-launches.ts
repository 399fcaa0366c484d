import { AutoScalingClient, DescribeScalingActivitiesCommand } from '@aws-sdk/client-auto-scaling';
import type { FailedLaunch } from '../../core/spot/events.ts';
import { mapAwsError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

export interface FailedLaunchesReader {
  /** The last launch of the group that failed. Throws RefusedError (no such group too), UnavailableError. */
  last(autoScalingGroup: string): Promise<FailedLaunch | undefined>;
}

/** Those in progress come first, then the newest. Source: Amazon EC2 Auto Scaling API, 'DescribeScalingActivities'. */
const LOOKED_AT = 50;

/** Reads the groups' scaling activities. */
export class AutoScalingFailedLaunches implements FailedLaunchesReader {
  readonly #client: AutoScalingClient;

  constructor(client: AutoScalingClient = new AutoScalingClient(clientOptions())) {
    this.#client = client;
  }

  async last(autoScalingGroup: string): Promise<FailedLaunch | undefined> {
    const input = { AutoScalingGroupName: autoScalingGroup, MaxRecords: LOOKED_AT };
    try {
      const { Activities = [] } = await this.#client.send(new DescribeScalingActivitiesCommand(input));
      const failed = Activities.flatMap((activity): FailedLaunch[] => {
        const { ActivityId, Description, EndTime, StatusCode, StatusMessage = '' } = activity;
        const isLaunch = StatusCode === 'Failed' && Description?.startsWith('Launching ');
        if (!isLaunch || !ActivityId || !EndTime) return [];
        return [{ activityId: ActivityId, at: EndTime.getTime() / 1000, message: StatusMessage }];
      });
      return failed.sort((a, b) => b.at - a.at)[0];
    } catch (error) {
      throw mapAwsError(error, `describe the scaling activities of ${autoScalingGroup}`);
    }
  }
}
