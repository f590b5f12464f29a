/**
 * Stands for the program of a helper appliance in tests of what runs it: tells what it was given and what it sees in
 * report.json, and does what commands.txt in its folder says. Speaks plain HTTP, signed with its access key's name alone.
 */
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const args = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
const folder = option('--folder').replace('s3://', '');
const devices = option('--devices');
const headers = {
  authorization: `AWS4-HMAC-SHA256 Credential=${process.env.AWS_ACCESS_KEY_ID}/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0`,
};
const urlOf = (name) => `${process.env.AWS_ENDPOINT_URL}/${folder}${name}`;

console.log('the fake program begins');
if (folder.includes('/crashing/')) process.exit(3);
if (folder.includes('/through/')) process.exit(0);

const open = new Map();
for (;;) {
  const answer = await fetch(urlOf('commands.txt'), { headers });
  const command = answer.ok ? (await answer.text()).trim() : '';
  if (command.startsWith('exit')) {
    // Once: started again it finds no command.
    await fetch(urlOf('commands.txt'), { method: 'DELETE', headers });
    process.exit(Number(command.slice('exit'.length)));
  }
  const seen = Object.fromEntries(
    readdirSync(devices).map((name) => [name, readlinkSync(join(devices, name))]),
  );
  for (const name of Object.keys(seen)) {
    if (command === 'hold' && !open.has(name)) open.set(name, openSync(join(devices, name), 'r+'));
  }
  if (command === 'let go') {
    for (const descriptor of open.values()) closeSync(descriptor);
    open.clear();
  }
  const report = {
    pid: process.pid,
    args,
    nodeOptions: process.execArgv,
    environment: process.env,
    devices: seen,
    open: [...open.keys()],
  };
  await fetch(urlOf('report.json'), { method: 'PUT', headers, body: JSON.stringify(report) });
  await sleep(20);
}
