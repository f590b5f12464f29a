import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HELPER_HEADER_PREFIX, type HelperHeader, helperHeaderSchema } from '../../core/model/helper.ts';
import { makeUserData } from '../../lambdas/restore/helper/user-data.ts';
import { makeSandbox, type Sandbox } from './appliance-sandbox.ts';

const APPLIANCE = join(dirname(dirname(import.meta.dirname)), 'helper', 'appliance');

const HEADER: HelperHeader = {
  version: 1,
  bundle: 's3://assets-123456789012-us-east-1/bundle.tar.gz',
  sha256: 'ab'.repeat(32),
  folder: 's3://control-bucket/helpers/AROAEXAMPLE:{instance-id}/',
  region: 'eu-west-1',
  // The sandbox's clock stands at 1,800,000,000: 2027-01-15T08:00:00Z. Ten hours later:
  deadline: '2027-01-15T18:00:30.000Z',
};
const headerFor = (sandbox: Sandbox): HelperHeader => ({ ...HEADER, sha256: sandbox.bundleSha256 });

function newSandbox(): Sandbox {
  const sandbox = makeSandbox();
  onTestFinished(() => sandbox.remove());
  return sandbox;
}

const TIMER = 'shutdown -P +600';
const POWER_OFF = 'shutdown -P now';
const RESOLVER = 'systemctl restart systemd-resolved.service';
/** Name and first arguments of calls, without clock and retries. */
const short = (calls: readonly string[]): string[] =>
  calls
    .filter((call) => !/^(date|sleep|timeout) /.test(call))
    .map((call) => call.replace(/^curl .* (\S+)$/, 'curl $1').replace(/ --region .*/, ''));

const TOKEN = 'curl http://169.254.169.254/latest/api/token';
const ID = 'curl http://169.254.169.254/latest/meta-data/instance-id';

describe('user data', () => {
  it('begins with the header, which reads back as it was', () => {
    const [shebang, line = ''] = makeUserData(HEADER).split('\n');
    expect(shebang).toBe('#!/bin/bash');
    expect(line.startsWith('# landfall-helper {')).toBe(true);
    expect(helperHeaderSchema.parse(JSON.parse(line.slice(HELPER_HEADER_PREFIX.length)))).toEqual(HEADER);
  });

  it('is the same bytes for the same header, and fits into what EC2 takes', () => {
    expect(makeUserData({ ...HEADER })).toBe(makeUserData(HEADER));
    // 63 characters of bucket and 1,024 of key are S3's most. EC2 takes 16 KB before Base64.
    const longest = `s3://${'b'.repeat(63)}/${'k'.repeat(1023)}/`;
    expect(Buffer.byteLength(makeUserData({ ...HEADER, bundle: longest, folder: longest }))).toBeLessThan(
      16_384,
    );
  });

  it('refuses a header that is none', () => {
    expect(() => makeUserData({ ...HEADER, sha256: 'not a digest' })).toThrow(/sha256/);
  });

  it('is bash, as the script in the bundle is', () => {
    execFileSync('bash', ['-n'], { input: makeUserData(HEADER) });
    execFileSync('bash', ['-n', join(APPLIANCE, 'bring-up.sh')]);
  });
});

describe('bringing up', () => {
  it('sets the timer, fetches, checks, guards the disks, and only then starts the program', () => {
    const sandbox = newSandbox();
    const { status, calls, console } = sandbox.run(makeUserData(headerFor(sandbox)));
    expect(short(calls)).toEqual([
      TIMER,
      RESOLVER,
      TOKEN,
      ID,
      `aws s3 cp s3://assets-123456789012-us-east-1/bundle.tar.gz ${sandbox.root}/opt/landfall-helper.tar.gz`,
      'findmnt --noheadings --nofsroot --output SOURCE /',
      'lsblk --noheadings --list --inverse --output NAME,TYPE /dev/nvme0n1p1',
      'udevadm control --reload',
      'swapoff --all',
      'sysctl --quiet --write vm.dirty_bytes=268435456 vm.dirty_background_bytes=67108864',
      'systemctl daemon-reload',
      'systemctl enable landfall-helper-rebooted.service',
      'systemctl start landfall-helper.service',
    ]);
    expect(calls.find((call) => call.startsWith('aws'))).toContain(' --region eu-west-1 ');
    expect(status).toBe(0);
    expect(console).toMatch(/landfall-helper: i-0123456789abcdef0 is up$/);
    // Nothing but the bundle's files stays.
    expect(readdirSync(join(sandbox.root, 'opt'))).toEqual(['landfall-helper']);
  });

  it('has every guard in place when the program starts', () => {
    const sandbox = newSandbox();
    sandbox.run(makeUserData(headerFor(sandbox)));
    const rules = join(dirname(sandbox.root), 'root-at-start', 'etc/udev/rules.d');
    const names = readdirSync(rules).sort();
    // First of all rules, and last; udev takes them in order of names, wherever they lie.
    expect(names[0]).toBe('00-landfall-helper.rules');
    expect(names.at(-1)).toBe('zz-landfall-helper.rules');
    for (const name of [names[0], names.at(-1)]) {
      const text = sandbox.readAtStart(`etc/udev/rules.d/${name}`);
      expect(text).toContain('KERNEL=="nvme0n1|nvme0n1p*", GOTO=');
      expect(text.replace(/^#.*$/gm, '')).not.toContain('ROOT_DISK');
    }
    for (const masked of names.slice(1, -1)) expect(readlinkSync(join(rules, masked))).toBe('/dev/null');
    expect(names.slice(1, -1)).toEqual(
      expect.arrayContaining(['63-md-raid-arrays.rules', '65-md-incremental.rules', '69-dm-lvm.rules']),
    );
    expect(sandbox.readAtStart('etc/mdadm.conf')).toMatch(/^AUTO -all$/m);
    expect(sandbox.readAtStart('etc/lvm/lvmlocal.conf')).toContain('global_filter = [ "r|.*|" ]');
  });

  it('asks the name server that security groups let through, before it asks for anything', () => {
    const sandbox = newSandbox();
    sandbox.run(makeUserData(headerFor(sandbox)));
    expect(sandbox.read('run/systemd/resolved.conf.d/landfall-helper.conf')).toBe(
      '[Resolve]\nDNS=169.254.169.253\nDomains=~.\n',
    );
  });

  it('ends when it is booted again, before anything looks at a disk', () => {
    const sandbox = newSandbox();
    sandbox.run(makeUserData(headerFor(sandbox)));
    const unit = sandbox.readAtStart('etc/systemd/system/landfall-helper-rebooted.service');
    const [, marker = ''] = /^ConditionPathExists=!(.*)$/m.exec(unit) ?? [];
    // There while it is brought up; on a machine, /run is empty after a boot.
    expect(marker).toMatch(/^\/run\//);
    expect(sandbox.readAtStart(marker.slice(1))).toContain('LANDFALL_');
    expect(unit).toMatch(/^ExecStart=.*systemctl .*poweroff$/m);
    expect(unit).toMatch(/^DefaultDependencies=no$/m);
    expect(unit).toMatch(/^WantedBy=sysinit.target$/m);
  });

  it('tells the program who it is, and until when', () => {
    const sandbox = newSandbox();
    sandbox.run(makeUserData(headerFor(sandbox)));
    const environment = sandbox.readAtStart('run/landfall-helper/environment');
    expect(environment.trim().split('\n')).toEqual([
      'LANDFALL_FOLDER=s3://control-bucket/helpers/AROAEXAMPLE:i-0123456789abcdef0/',
      'LANDFALL_INSTANCE_ID=i-0123456789abcdef0',
      'LANDFALL_DEADLINE=2027-01-15T18:00:30.000Z',
      'AWS_REGION=eu-west-1',
      'AWS_EC2_METADATA_V1_DISABLED=true',
    ]);
    const service = sandbox.readAtStart('etc/systemd/system/landfall-helper.service');
    const [start = ''] = /^ExecStart=.*$/m.exec(service) ?? [];
    const names = [...start.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
    expect(names).toEqual(['LANDFALL_FOLDER', 'LANDFALL_INSTANCE_ID', 'LANDFALL_DEADLINE']);
    for (const name of names) expect(environment).toMatch(new RegExp(`^${name}=`, 'm'));
    expect(service).toContain('\nEnvironmentFile=/run/landfall-helper/environment\n');
    // Where the user data unpacks to.
    expect(start).toMatch(
      /^ExecStart=\/opt\/landfall-helper\/bin\/node .*\/opt\/landfall-helper\/landfall-helper\.mjs /,
    );
  });

  it('takes what is in the header for text, never for commands', () => {
    const sandbox = newSandbox();
    const folder = `s3://control-bucket/it's $(mkdir "$SANDBOX/root/oops") \`mkdir oops\` {instance-id}/`;
    sandbox.run(makeUserData({ ...headerFor(sandbox), folder }));
    expect(sandbox.readAtStart('run/landfall-helper/environment')).toContain(
      `LANDFALL_FOLDER=s3://control-bucket/it's $(mkdir "$SANDBOX/root/oops") \`mkdir oops\` i-0123456789abcdef0/\n`,
    );
    expect(sandbox.has('oops')).toBe(false);
  });

  it('tries again while S3 cannot be reached', () => {
    const sandbox = newSandbox();
    sandbox.set('aws-failures', '2');
    const { status, calls } = sandbox.run(makeUserData(headerFor(sandbox)));
    expect(calls.filter((call) => call.startsWith('aws '))).toHaveLength(3);
    expect(status).toBe(0);
  });
});

describe('what does not come up powers off', () => {
  it('when the bundle is another one, of which nothing is unpacked or run', () => {
    const sandbox = newSandbox();
    const { status, calls, console } = sandbox.run(makeUserData(HEADER));
    expect(short(calls).map((call) => call.split(' ')[0])).toEqual([
      'shutdown',
      'systemctl',
      'curl',
      'curl',
      'aws',
      'shutdown',
    ]);
    expect(calls.at(-1)).toBe(POWER_OFF);
    expect(status).toBe(1);
    expect(console).toContain('landfall-helper: not brought up: status 1; this instance ends.');
    expect(console).toContain('landfall-helper.tar.gz: FAILED');
    expect(readdirSync(join(sandbox.root, 'opt'))).toEqual(['landfall-helper.tar.gz']);
  });

  it('when S3 is out of reach for ten minutes, and says what to look at', () => {
    const sandbox = newSandbox();
    sandbox.set('aws-failures', '1000');
    const { calls, console } = sandbox.run(makeUserData(headerFor(sandbox)));
    // At once, and every ten seconds until the 600th.
    expect(calls.filter((call) => call.startsWith('aws '))).toHaveLength(61);
    expect(calls.at(-1)).toBe(POWER_OFF);
    expect(console).toContain('does the subnet have a gateway endpoint for S3');
    expect(console).toContain('Connect timeout');
  });

  it('when its deadline has passed', () => {
    const sandbox = newSandbox();
    const { calls } = sandbox.run(
      makeUserData({ ...headerFor(sandbox), deadline: '2027-01-15T08:00:00.000Z' }),
    );
    expect(short(calls)).toEqual([POWER_OFF]);
  });

  it('when the metadata service names no instance', () => {
    const sandbox = newSandbox();
    sandbox.set('instance-id', '<html>');
    const { calls } = sandbox.run(makeUserData(headerFor(sandbox)));
    expect(short(calls)).toEqual([TIMER, RESOLVER, TOKEN, ID, POWER_OFF]);
  });

  it.each([
    ['two disks are below /', 'nvme0n1 disk\nnvme1n1 disk\n'],
    ['no disk is below /', ''],
    ['the root disk is none of NVMe', 'xvda1 part\nxvda disk\n'],
  ])('when it cannot tell which disk is its own: %s', (_, lsblk) => {
    const sandbox = newSandbox();
    sandbox.set('lsblk', lsblk);
    const { status, calls, console } = sandbox.run(makeUserData(headerFor(sandbox)));
    expect(status).toBe(1);
    expect(calls.filter((call) => call.startsWith('systemctl'))).toEqual([RESOLVER]);
    expect(calls.at(-1)).toBe(POWER_OFF);
    expect(console).toContain('the root disk is not one NVMe device');
  });

  it('even when shutting down in an orderly way does not work', () => {
    const sandbox = newSandbox();
    sandbox.set('shutdown-status', '1');
    const { calls } = sandbox.run(makeUserData(headerFor(sandbox)));
    // The timer cannot be set: nothing is begun.
    expect(short(calls)).toEqual([TIMER, POWER_OFF, 'systemctl poweroff --force']);
  });
});

describe('the service', () => {
  const service = readFileSync(join(APPLIANCE, 'landfall-helper.service'), 'utf8');
  const settings = new Map(
    service.split('\n').flatMap((line): [string, string][] => {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );

  it('is started again when it crashes, and ends the machine when its life is over or that does not help', () => {
    expect(Object.fromEntries(settings)).toMatchObject({
      Restart: 'on-failure',
      RestartSec: '5',
      StartLimitBurst: '5',
      StartLimitIntervalSec: '1h',
      StartLimitAction: 'poweroff',
      ExecStopPost: '+/bin/sh -c \'test "$$SERVICE_RESULT" != success || systemctl --no-block poweroff\'',
    });
    // In systemd 252 either of them would end the machine at the first crash.
    expect([...settings.keys()].filter((name) => /^(Failure|Success)Action$/.test(name))).toEqual([]);
  });

  it('may use disks, which a private /dev would hide', () => {
    expect(settings.get('DeviceAllow')).toBe('block-blkext rw');
    expect(settings.has('PrivateDevices')).toBe(false);
    // V8 compiles at run time.
    expect(settings.has('MemoryDenyWriteExecute')).toBe(false);
  });
});
