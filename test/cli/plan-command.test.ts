import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { planReportSchema } from '../../core/model/plan-report.ts';
import { type Region, startRegion } from '../../local/region.ts';
import { MIB, makeFolder, runCli } from './support.ts';

let folder: Awaited<ReturnType<typeof makeFolder>>;
let region: Region;
// Of zone b, in the region's default VPC.
const SUBNET = 'subnet-0a11d0000000000b2';

const cli = (...args: string[]) =>
  runCli(args, { cwd: folder.path, env: { AWS_ENDPOINT_URL: region.endpoint } });

beforeAll(async () => {
  folder = await makeFolder();
  region = await startRegion({ stateFolder: join(folder.path, 'state'), port: 0 });
  await region.deploy(inject('assemblyFolder'));
  await writeFile(join(folder.path, 'root.img'), randomBytes(2 * MIB));
  await writeFile(join(folder.path, 'data.img'), Buffer.alloc(MIB));
  const { exitCode, stderr } = await cli(
    ...['backup', '--kind', 'ec2', '--name', 'web01', '--usage-operation', 'RunInstances'],
    ...['--disk', 'root=root.img', '--disk', 'data=data.img', '--time', '2026-01-15T08:00:00Z'],
  );
  expect(exitCode, stderr).toBe(0);
});
afterAll(async () => {
  await region?.stop();
  await folder?.remove();
});

describe('landfall plan', () => {
  test('tells problems first, then time and cost by strategy, then what is made; and ends with 0', async () => {
    const { exitCode, stdout, stderr } = await cli(
      ...['plan', '--strategy', 'upload', '--instance-type', 'm6i.large', '--subnet', SUBNET],
    );
    expect(exitCode, stderr).toBe(0);
    const sections = stdout.split('\n\n').map((section) => section.split('\n')[0]);
    expect(sections[0]).toMatch(/^workload {7}web01 \(ec2\), as of 2026-01-15T08:00:00/);
    expect(sections[1]).toBe('1 warning:');
    expect(sections[2]).toMatch(/^STRATEGY +BOOTABLE +AT FULL SPEED +COST$/);
    expect(sections[3]).toMatch(
      new RegExp(`^instance {7}"web01", m6i\\.large in ${SUBNET} \\(us-east-1b\\)$`),
    );
    expect(sections[4]).toMatch(/^IN THE END +MAKES +DISK +WHAT$/);
    expect(sections[5]).toBe(
      'Nothing has been created. "landfall restore" with the same flags does it.\n'.trim(),
    );
    expect(stdout).toMatch(/^disks {10}2, 3 MiB, 2 MiB of it not zero$/m);
    expect(stdout).toMatch(/^upload +\d+ min +\d+ min +\S.* chosen$/m);
    expect(stdout).toMatch(/^helper +4 min +4 min +\$0\.01$/m);
    expect(stdout).toContain('chosen         upload: the request asks for it\n');
    expect(stdout).toMatch(/^removed +import-task +data +ImportSnapshot of that object$/m);
    expect(stdout).toMatch(/^remains +volume +root +gp3 of 1 GiB, attached as /m);
  });

  test('names eight mistakes at once, of form and of fact, with values and fixes; and ends with 2', async () => {
    const request = {
      colour: 'blue',
      target: { keyName: 'lost', privateIpAddress: '10.1.2.3', securityGroupIds: ['sg-0123456789abcdef0'] },
      disks: [{ id: 'dada' }, { id: 'root', throughput: 5_000 }, { id: 'data', iops: 'many' }],
    };
    await writeFile(join(folder.path, 'restore.json'), JSON.stringify(request));
    const flags = ['--request', 'restore.json', '--instance-type', 'm7g.large', '--subnet', SUBNET];
    const { exitCode, stdout } = await cli('plan', ...flags);
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/^8 errors(, \d warnings?)?:$/m);
    const errors = stdout.split('\n').filter((line) => line.startsWith('error '));
    expect(errors.map((line) => line.replace(/^error +/, '').split(': ')[0]).sort()).toEqual([
      'colour = "blue"',
      'disks[0].id = dada',
      'disks[1].throughput = 5000',
      'disks[2].iops = "many"',
      'target.instanceType = m7g.large',
      'target.keyName = lost',
      'target.privateIpAddress = 10.1.2.3',
      'target.securityGroupIds[0] = sg-0123456789abcdef0',
    ]);
    for (const line of errors) expect(line).toMatch(/\. [A-Z][^.]+/);
    expect(stdout).toContain('A restore would be refused: mend the errors above.');

    const json = await cli('plan', ...flags, '--json');
    expect(json.exitCode).toBe(2);
    const report = planReportSchema.parse(JSON.parse(json.stdout));
    expect(report.possible).toBe(false);
    expect(report.findings.filter(({ severity }) => severity === 'error')).toHaveLength(8);
  });

  test('says what it needs where the repository cannot be one', async () => {
    const { exitCode, stderr } = await cli('plan', '--repository', 'folder');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('reads its repository in S3, not the folder');
  });
});
