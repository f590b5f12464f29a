import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type {
  CreateKeyPairRequest,
  DeleteKeyPairRequest,
  DeleteKeyPairResult,
  DescribeKeyPairsRequest,
  DescribeKeyPairsResult,
  ImportKeyPairRequest,
  ImportKeyPairResult,
  KeyPair,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { invalidValue, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId } from './ids.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { KeyPairRecord } from './records.ts';
import { find, need, nowText, type Simulation } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

const NAME_FORM = /^[\x20-\x7e]{1,255}$/;

const byName = (sim: Simulation, name: string): KeyPairRecord | undefined =>
  sim.state.keyPairs.all().find((pair) => pair.name === name);

/** @throws InvalidKeyPair.NotFound */
export function needKeyPair(sim: Simulation, name: string): KeyPairRecord {
  const pair = byName(sim, name);
  if (!pair) throw new AwsError('InvalidKeyPair.NotFound', `The key pair '${name}' does not exist`);
  return pair;
}

function checkNewName(sim: Simulation, name: string): string {
  if (!NAME_FORM.test(name)) throw invalidValue(`Value (${name}) for parameter KeyName is invalid.`);
  if (byName(sim, name)) throw new AwsError('InvalidKeyPair.Duplicate', `The keypair already exists`);
  return name;
}

const lengthPrefixed = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

const base64url = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url');

/** Integers of the SSH wire format carry a leading zero where their top bit is set. */
const mpint = (bytes: Buffer): Buffer => {
  const first = bytes[0] ?? 0;
  return lengthPrefixed(first >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
};

/** The public key in OpenSSH's one-line form (RFC 4253, section 6.6). */
function openSshPublicKey(key: KeyObject, comment: string): string {
  const jwk = key.export({ format: 'jwk' });
  const [algorithm, parts] =
    jwk.kty === 'RSA'
      ? ['ssh-rsa', [mpint(base64url(jwk.e)), mpint(base64url(jwk.n))]]
      : ['ssh-ed25519', [lengthPrefixed(base64url(jwk.x))]];
  const blob = Buffer.concat([lengthPrefixed(Buffer.from(String(algorithm))), ...(parts as Buffer[])]);
  return `${String(algorithm)} ${blob.toString('base64')} ${comment}`;
}

const colonHex = (digest: Buffer): string =>
  [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

/** AWS shows RSA keys by an MD5 or SHA-1 of their DER form, ed25519 keys by the SHA-256 of the SSH blob. */
function fingerprintOf(type: 'rsa' | 'ed25519', publicKey: string): string {
  const blob = Buffer.from(publicKey.split(/\s+/)[1] ?? '', 'base64');
  return type === 'rsa'
    ? colonHex(createHash('md5').update(blob).digest())
    : `${createHash('sha256').update(blob).digest('base64')}`;
}

const GENERATORS = {
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ed25519: () => generateKeyPairSync('ed25519'),
};

export function keyPairOperations(sim: Simulation): Operations {
  const insert = (fields: Pick<KeyPairRecord, 'name' | 'type' | 'publicKey' | 'tags'>): KeyPairRecord =>
    sim.state.keyPairs.insert({
      ...fields,
      id: makeId('key'),
      fingerprint: fingerprintOf(fields.type, fields.publicKey),
      createTime: nowText(sim),
    });
  return {
    CreateKeyPair: mutation<CreateKeyPairRequest, KeyPair>(
      sim,
      'CreateKeyPair',
      ['KeyName', 'KeyType', 'KeyFormat', 'TagSpecifications'],
      (input) => {
        const name = checkNewName(sim, required(input.KeyName, 'KeyName'));
        const type = input.KeyType ?? 'rsa';
        if (type !== 'rsa' && type !== 'ed25519') throw invalidValue(`Invalid key type '${type}'`);
        if (input.KeyFormat && input.KeyFormat !== 'pem')
          throw invalidValue(`Only key format pem is simulated`);
        const tags = tagsAtCreation(input.TagSpecifications, ['key-pair']);
        return () => {
          const { publicKey, privateKey } = GENERATORS[type]();
          const pair = insert({
            name,
            type,
            publicKey: openSshPublicKey(publicKey, name),
            tags: tags('key-pair'),
          });
          return {
            KeyPairId: pair.id,
            KeyName: name,
            KeyFingerprint: pair.fingerprint,
            KeyMaterial: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
            Tags: tagList(pair),
          };
        };
      },
    ),
    ImportKeyPair: mutation<ImportKeyPairRequest, ImportKeyPairResult>(
      sim,
      'ImportKeyPair',
      ['KeyName', 'PublicKeyMaterial', 'TagSpecifications'],
      (input) => {
        const name = checkNewName(sim, required(input.KeyName, 'KeyName'));
        const publicKey = Buffer.from(required(input.PublicKeyMaterial, 'PublicKeyMaterial'))
          .toString()
          .trim();
        const algorithm = publicKey.split(/\s+/)[0];
        if (algorithm !== 'ssh-rsa' && algorithm !== 'ssh-ed25519') {
          throw new AwsError('InvalidKey.Format', 'Key is not in valid OpenSSH public key format');
        }
        const tags = tagsAtCreation(input.TagSpecifications, ['key-pair']);
        const type = algorithm === 'ssh-rsa' ? 'rsa' : 'ed25519';
        return () => {
          const pair = insert({ name, type, publicKey, tags: tags('key-pair') });
          return {
            KeyPairId: pair.id,
            KeyName: name,
            KeyFingerprint: pair.fingerprint,
            Tags: tagList(pair),
          };
        };
      },
    ),
    DeleteKeyPair: mutation<DeleteKeyPairRequest, DeleteKeyPairResult>(
      sim,
      'DeleteKeyPair',
      ['KeyName', 'KeyPairId'],
      (input) => {
        const pair = input.KeyPairId
          ? find(sim, 'keyPair', input.KeyPairId)
          : byName(sim, required(input.KeyName, 'KeyName'));
        // Deleting a key pair that is not there succeeds on AWS too.
        return () => {
          if (pair) sim.state.keyPairs.delete(pair.id);
          return { Return: true, ...(pair ? { KeyPairId: pair.id } : {}) };
        };
      },
    ),
    DescribeKeyPairs: query<DescribeKeyPairsRequest, DescribeKeyPairsResult>(
      'DescribeKeyPairs',
      ['KeyNames', 'KeyPairIds', 'IncludePublicKey', 'Filters'],
      (input) => {
        const ids = [
          ...(input.KeyPairIds ?? []).map((id) => need(sim, 'keyPair', id).id),
          ...(input.KeyNames ?? []).map((name) => needKeyPair(sim, name).id),
        ];
        const { page } = describe({
          kind: 'keyPair',
          items: sim.state.keyPairs.all(),
          ids,
          request: { Filters: input.Filters },
          filters: {
            fingerprint: (pair) => pair.fingerprint,
            'key-name': (pair) => pair.name,
            'key-pair-id': (pair) => pair.id,
          },
          tagsOf: (pair) => pair.tags,
        });
        return {
          KeyPairs: page.map((pair) => ({
            KeyPairId: pair.id,
            KeyName: pair.name,
            KeyType: pair.type,
            KeyFingerprint: pair.fingerprint,
            CreateTime: new Date(pair.createTime),
            Tags: tagList(pair),
            ...(input.IncludePublicKey ? { PublicKey: pair.publicKey } : {}),
          })),
        };
      },
    ),
  };
}
