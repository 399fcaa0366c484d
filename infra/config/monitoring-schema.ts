import { z } from 'zod';

const prometheusSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe(
      'Prometheus and Grafana on the system nodes (chart kube-prometheus-stack). They take about half a vCPU and 1.5 GiB there, and a volume; ' +
        'without them CloudWatch still has its dashboard and alarms.',
    ),
  chartVersion: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'name one version of the chart, such as "81.4.5"')
    .default('81.4.5')
    .describe('Version of the chart kube-prometheus-stack.'),
  retentionDays: z
    .int()
    .min(1)
    .max(365)
    .default(15)
    .describe('How long Prometheus keeps what it scraped, while it fits `storageGiB`.')
    .meta({ unit: 'days' }),
  storageGiB: z
    .int()
    .min(5)
    .max(1000)
    .default(20)
    .describe("Size of Prometheus' volume.")
    .meta({ unit: 'GiB' }),
  grafanaAdminSecret: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe(
      "Name of a Secret in the namespace `monitoring` with the keys `admin-user` and `admin-password`, for Grafana's administrator.",
    )
    .meta({ defaultText: 'the chart generates a password, once' }),
});

export const monitoringSchema = z.strictObject({
  alarmEmails: z
    .array(z.email('give an e-mail address, such as "oncall@example.com"'))
    .max(20)
    .default([])
    .describe('Who gets an e-mail when an alarm goes off or ends. AWS asks each of them to confirm first.'),
  runbookUrl: z
    .string()
    .min(1)
    .max(300)
    .default('docs/operations.md')
    .describe("Where the runbooks lie: an alarm's description links to this, `#` and the runbook's anchor."),
  oldestMessageSeconds: z
    .int()
    .min(60)
    .max(604_800)
    .optional()
    .describe('An alarm goes off when a request has waited this long for five minutes.')
    .meta({
      unit: 'seconds',
      defaultText: "per fleet: three times its target wait plus its pools' longest lead time, 600 at least",
    }),
  noTickMinutes: z
    .int()
    .min(3)
    .max(60)
    .default(5)
    .describe('An alarm goes off when no tick of a fleet has decided anything for this long.')
    .meta({ unit: 'minutes' }),
  prometheus: prometheusSchema.prefault({}).describe('Metrics inside the cluster.'),
});
