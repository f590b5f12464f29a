import * as cloudformation from '@aws-sdk/client-cloudformation';
import * as ebs from '@aws-sdk/client-ebs';
import * as ec2 from '@aws-sdk/client-ec2';
import * as kms from '@aws-sdk/client-kms';
import * as lambda from '@aws-sdk/client-lambda';
import * as s3 from '@aws-sdk/client-s3';
import * as serviceQuotas from '@aws-sdk/client-service-quotas';
import * as sfn from '@aws-sdk/client-sfn';
import * as sts from '@aws-sdk/client-sts';
import type { ProtocolAdapter } from './protocols/http-message.ts';
import { makeJsonRpcAdapter } from './protocols/json-rpc.ts';
import { makeQueryAdapter } from './protocols/query.ts';
import { makeRestJsonAdapter } from './protocols/rest-json.ts';
import { makeRestXmlAdapter } from './protocols/rest-xml.ts';
import { shapesOf } from './protocols/shape.ts';
import { AwsError, type Service } from './service.ts';

/** How a simulated service is spoken to. */
export interface ServiceEntry {
  readonly service: Service;
  readonly adapter: ProtocolAdapter;
  /** The error with which this service turns a caller away that calls too fast. */
  throttling(): AwsError;
  /** The error for an operation that exists on AWS but not here. */
  notSimulated(operation: string): AwsError;
}

export type ServiceRegistry = ReadonlyMap<string, ServiceEntry>;

interface Dialect {
  adapter(isSimulated: (operation: string) => boolean): ProtocolAdapter;
  readonly throttling: readonly [
    code: string,
    message: string,
    statusCode: number,
    fields?: Readonly<Record<string, string>>,
  ];
  readonly notSimulated: readonly [code: string, statusCode: number];
}

const DIALECTS: Readonly<Record<string, Dialect>> = {
  ec2: {
    adapter: () =>
      makeQueryAdapter({
        shapes: shapesOf(ec2),
        dialect: 'ec2',
        xmlNamespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
      }),
    throttling: ['RequestLimitExceeded', 'Request limit exceeded.', 503],
    notSimulated: ['InvalidAction', 400],
  },
  ebs: {
    adapter: (isSimulated) => makeRestJsonAdapter({ shapes: shapesOf(ebs), isSimulated }),
    throttling: [
      'RequestThrottledException',
      'The number of API requests has exceeded the maximum allowed API request throttling limit for the snapshot.',
      400,
      { Reason: 'RESOURCE_LEVEL_THROTTLE' },
    ],
    notSimulated: ['UnknownOperationException', 404],
  },
  s3: {
    adapter: (isSimulated) =>
      makeRestXmlAdapter({
        shapes: shapesOf(s3),
        isSimulated,
        xmlNamespace: 'http://s3.amazonaws.com/doc/2006-03-01/',
      }),
    throttling: ['SlowDown', 'Please reduce your request rate.', 503],
    notSimulated: ['NotImplemented', 501],
  },
  states: {
    adapter: () => makeJsonRpcAdapter({ shapes: shapesOf(sfn), version: '1.0' }),
    throttling: ['ThrottlingException', 'Rate exceeded', 400],
    notSimulated: ['UnknownOperationException', 400],
  },
  kms: {
    adapter: () => makeJsonRpcAdapter({ shapes: shapesOf(kms), version: '1.1' }),
    throttling: ['ThrottlingException', 'Rate exceeded', 400],
    notSimulated: ['UnknownOperationException', 400],
  },
  servicequotas: {
    adapter: () => makeJsonRpcAdapter({ shapes: shapesOf(serviceQuotas), version: '1.1' }),
    throttling: ['TooManyRequestsException', 'Rate exceeded', 400],
    notSimulated: ['UnknownOperationException', 400],
  },
  lambda: {
    adapter: (isSimulated) => makeRestJsonAdapter({ shapes: shapesOf(lambda), isSimulated }),
    throttling: ['TooManyRequestsException', 'Rate Exceeded.', 429],
    notSimulated: ['UnknownOperationException', 404],
  },
  cloudformation: {
    adapter: () =>
      makeQueryAdapter({
        shapes: shapesOf(cloudformation),
        dialect: 'aws',
        xmlNamespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
      }),
    throttling: ['Throttling', 'Rate exceeded', 400],
    notSimulated: ['InvalidAction', 400],
  },
  sts: {
    adapter: () =>
      makeQueryAdapter({
        shapes: shapesOf(sts),
        dialect: 'aws',
        xmlNamespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
      }),
    throttling: ['Throttling', 'Rate exceeded', 400],
    notSimulated: ['InvalidAction', 400],
  },
};

/** Gives each service the protocol it is spoken to in. */
export function makeServiceRegistry(services: readonly Service[]): ServiceRegistry {
  return new Map(services.map((service) => [service.name, entryOf(service)]));
}

function entryOf(service: Service): ServiceEntry {
  const dialect = DIALECTS[service.name];
  if (!dialect) throw new Error(`no protocol is known for a service named ${service.name}`);
  return {
    service,
    adapter: dialect.adapter((operation) => Object.hasOwn(service.operations, operation)),
    throttling: () => new AwsError(...dialect.throttling),
    notSimulated: (operation) => {
      const [code, statusCode] = dialect.notSimulated;
      const message = `${operation} of ${service.name} is not simulated in the local region (docs/local-region.md)`;
      return new AwsError(code, message, statusCode);
    },
  };
}

const TARGET_PREFIXES: readonly (readonly [prefix: string, service: string])[] = [
  ['AWSStepFunctions', 'states'],
  ['TrentService', 'kms'],
  ['ServiceQuotasV20190624', 'servicequotas'],
];

/**
 * Which service a request is for: what its signature says (`Authorization` or `X-Amz-Credential`), else its
 * X-Amz-Target, else S3, which alone is called without any (public objects, plain `curl`).
 */
export function serviceOf(request: {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: readonly (readonly [string, string])[];
}): string {
  const authorization = String(request.headers.authorization ?? '');
  const signed = /Credential=([^,\s]+)/.exec(authorization)?.[1];
  const credential = signed ?? request.query.find(([name]) => name === 'X-Amz-Credential')?.[1];
  // <key id>/<date>/<region>/<service>/aws4_request
  const scope = credential?.split('/').at(-2);
  if (scope !== undefined) return scope;
  const target = String(request.headers['x-amz-target'] ?? '');
  return TARGET_PREFIXES.find(([prefix]) => target.startsWith(prefix))?.[1] ?? 's3';
}
