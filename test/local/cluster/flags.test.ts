import { LABEL } from '../../../core/protocol/names.ts';
import { kubeconfig } from '../../../local/cluster/credentials.ts';
import {
  apiserverFlags,
  auditPolicy,
  controllerManagerFlags,
  etcdFlags,
  schedulerConfig,
} from '../../../local/cluster/flags.ts';
import { kwokConfig } from '../../../local/cluster/stages.ts';

const credentials = {
  certDir: '/s/serving',
  servingCertificate: '/s/serving/apiserver.crt',
  serviceAccountKey: '/s/sa.key',
  serviceAccountPublicKey: '/s/sa.pub',
  tokenFile: '/s/tokens.csv',
  adminToken: 'secret',
};

const apiserver = apiserverFlags({ port: 1, etcdPort: 2, credentials, authenticatorConfig: '/s/auth' });

describe('the components', () => {
  it('listen on loopback only', () => {
    expect(apiserver).toContain('--bind-address=127.0.0.1');
    const urls = etcdFlags({ dataDir: '/d', clientPort: 1, peerPort: 2 }).filter((flag) =>
      flag.includes('urls='),
    );
    expect(urls).toHaveLength(4);
    expect(urls.every((flag) => flag.includes('=http://127.0.0.1:'))).toBe(true);
  });

  it('never carry the administrator token where every user of the machine can read it', () => {
    expect(apiserver.join(' ')).not.toContain('secret');
    expect(schedulerConfig('/s/admin.kubeconfig')).not.toContain('secret');
  });

  it('keep an audit log only when it is asked for, and then not of administrators', () => {
    expect(apiserver.filter((flag) => flag.includes('audit'))).toEqual([]);
    const audit = { policy: '/s/policy', log: '/s/log' };
    expect(
      apiserverFlags({ port: 1, etcdPort: 2, credentials, authenticatorConfig: '/s/auth', audit }),
    ).toEqual(expect.arrayContaining(['--audit-policy-file=/s/policy', '--audit-log-path=/s/log']));
    expect(JSON.parse(auditPolicy()).rules[0]).toEqual({ level: 'None', userGroups: ['system:masters'] });
  });

  it('leave endpoints alone, which refuse loopback addresses, and run every other controller', () => {
    const flags = controllerManagerFlags({ kubeconfig: '/k', rootCa: '/ca', credentials });
    expect(flags).toContain(
      '--controllers=*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller',
    );
  });
});

describe('what KWOK plays', () => {
  interface Stage {
    spec: {
      resourceRef: { kind: string };
      selector: { matchExpressions: { jq: { key: string; operator: string } }[] };
    };
  }
  const stages = kwokConfig()
    .split('\n---\n')
    .map((document) => JSON.parse(document) as Stage);

  it("never includes a fleet's pod", () => {
    const ofPods = stages.filter(({ spec }) => spec.resourceRef.kind === 'Pod');
    expect(ofPods.length).toBeGreaterThan(0);
    for (const { spec } of ofPods) {
      expect(spec.selector.matchExpressions.map(({ jq }) => jq)).toContainEqual({
        key: `.metadata.labels["${LABEL.fleet}"]`,
        operator: 'DoesNotExist',
      });
    }
  });
});

describe('a kubeconfig', () => {
  it('has a current context that leads to its cluster and user', () => {
    const config = JSON.parse(kubeconfig('https://127.0.0.1:1', { token: 't' }, 'Q0E='));
    expect(config['current-context']).toBe(config.contexts[0].name);
    expect(config.contexts[0].context.cluster).toBe(config.clusters[0].name);
    expect(config.clusters[0].cluster).toEqual({
      server: 'https://127.0.0.1:1',
      'certificate-authority-data': 'Q0E=',
    });
    expect(config.users[0].user).toEqual({ token: 't' });
  });
});
