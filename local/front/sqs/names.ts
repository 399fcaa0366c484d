/** The name in a queue URL, whatever its host. */
export const queueName = (queueUrl: string): string => queueUrl.split('/').at(-1) ?? '';
