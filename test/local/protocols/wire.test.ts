import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { WireRequest } from '../../../local/protocols/http-message.ts';
import { MalformedXml, parseXml } from '../../../local/protocols/xml-parse.ts';
import { AwsError } from '../../../local/service.ts';
import { makeServiceRegistry, serviceOf } from '../../../local/services.ts';

// Requests and answers as they look on the wire, written out by hand after the protocols' own documentation.

function adapterOf(name: string, ...operations: string[]) {
  const entry = makeServiceRegistry([
    { name, operations: Object.fromEntries(operations.map((one) => [one, () => ({})])) },
  ]).get(name);
  if (!entry) throw new Error(`no service ${name}`);
  return entry.adapter;
}

function request(parts: Partial<Omit<WireRequest, 'body'>> & { readonly body?: string }): WireRequest {
  const body = Buffer.from(parts.body ?? '');
  return {
    method: 'POST',
    path: '/',
    query: [],
    headers: {},
    ...parts,
    body: {
      announcedLength: body.length,
      announcedTrailers: [],
      trailers: new Map(),
      [Symbol.asyncIterator]: () => Readable.from([body])[Symbol.asyncIterator](),
    },
  };
}
const contextOf = (operation: string) => ({
  operation,
  requestId: 'id-1',
  request: request({ path: '/b/k' }),
});

describe('EC2 query', () => {
  const ec2 = adapterOf('ec2');

  test('a list keeps the order of its numbers, which may come in any order and with gaps', async () => {
    const body =
      'Action=DescribeVolumes&Version=2016-11-15&VolumeId.10=j&VolumeId.2=b&VolumeId.1=a&VolumeId.33=k&Filter.1.Name=status&Filter.1.Value.1=available&Filter.1.Value.2=in-use&DryRun=false&MaxResults=5';
    expect(await ec2.parse(request({ body }))).toEqual({
      operation: 'DescribeVolumes',
      input: {
        VolumeIds: ['a', 'b', 'j', 'k'],
        Filters: [{ Name: 'status', Values: ['available', 'in-use'] }],
        DryRun: false,
        MaxResults: 5,
      },
    });
  });

  test('the action may be in the URL', async () => {
    const parsed = await ec2.parse(
      request({
        query: [
          ['Action', 'DescribeVolumes'],
          ['VolumeId.1', 'a b'],
        ],
      }),
    );
    expect(parsed).toEqual({ operation: 'DescribeVolumes', input: { VolumeIds: ['a b'] } });
  });

  test('an answer', () => {
    const answer = ec2.answer(
      {
        VolumeId: 'vol-1',
        Size: 8,
        Encrypted: false,
        CreateTime: new Date('2026-01-02T03:04:05.678Z'),
        Attachments: [],
        Tags: [{ Key: 'Name', Value: 'R&D <"1"> \'x\'' }],
      },
      contextOf('CreateVolume'),
    );
    expect(answer.body).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<CreateVolumeResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>id-1</requestId>' +
        '<tagSet><item><key>Name</key><value>R&amp;D &lt;&quot;1&quot;&gt; &apos;x&apos;</value></item></tagSet>' +
        '<volumeId>vol-1</volumeId><size>8</size><createTime>2026-01-02T03:04:05.678Z</createTime>' +
        '<attachmentSet></attachmentSet><encrypted>false</encrypted></CreateVolumeResponse>',
    );
  });

  test('an answer without content says true', () => {
    expect(ec2.answer({}, contextOf('DeleteVolume')).body).toContain(
      '<requestId>id-1</requestId><return>true</return></DeleteVolumeResponse>',
    );
  });

  test('an output that the model does not know is a mistake of ours', () => {
    expect(() => ec2.answer({ VolumeIdd: 'vol-1' }, contextOf('CreateVolume'))).toThrow(
      'VolumeIdd is no member',
    );
    expect(() => ec2.answer({ Size: '8' }, contextOf('CreateVolume'))).toThrow('is to be a number');
  });
});

test('AWS query: lists are members, answers are results', async () => {
  const cloudformation = adapterOf('cloudformation');
  const body =
    'Action=CreateStack&StackName=s&Tags.member.1.Key=k&Tags.member.1.Value=v&Capabilities.member.1=CAPABILITY_IAM';
  expect(await cloudformation.parse(request({ body }))).toEqual({
    operation: 'CreateStack',
    input: { StackName: 's', Tags: [{ Key: 'k', Value: 'v' }], Capabilities: ['CAPABILITY_IAM'] },
  });
  expect(cloudformation.answer({ StackId: 'arn:1' }, contextOf('CreateStack')).body).toBe(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<CreateStackResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><CreateStackResult><StackId>arn:1</StackId></CreateStackResult>' +
      '<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></CreateStackResponse>',
  );
});

describe('REST-XML', () => {
  const s3 = adapterOf('s3', 'ListBuckets', 'PutObject', 'CopyObject', 'UploadPart', 'UploadPartCopy');

  test.each([
    ['GET', '/', '', {}, 'ListBuckets'],
    ['PUT', '/b', '', {}, 'CreateBucket'],
    ['PUT', '/b/', '', {}, 'CreateBucket'],
    ['GET', '/b', '', {}, 'ListObjects'],
    ['GET', '/b/', 'list-type=2&prefix=x', {}, 'ListObjectsV2'],
    ['GET', '/b', 'uploads', {}, 'ListMultipartUploads'],
    ['GET', '/b', 'location', {}, 'GetBucketLocation'],
    ['POST', '/b', 'delete', {}, 'DeleteObjects'],
    ['PUT', '/b/k', '', {}, 'PutObject'],
    ['PUT', '/b//k/', '', {}, 'PutObject'],
    ['PUT', '/b/k', '', { 'x-amz-copy-source': 'b/o' }, 'CopyObject'],
    ['PUT', '/b/k', 'partNumber=1&uploadId=u', {}, 'UploadPart'],
    ['PUT', '/b/k', 'partNumber=1&uploadId=u', { 'x-amz-copy-source': 'b/o' }, 'UploadPartCopy'],
    ['PUT', '/b/k', 'tagging', {}, 'PutObjectTagging'],
    ['POST', '/b/k', 'uploads', {}, 'CreateMultipartUpload'],
    ['POST', '/b/k', 'uploadId=u', {}, 'CompleteMultipartUpload'],
    ['GET', '/b/k', 'uploadId=u', {}, 'ListParts'],
    ['DELETE', '/b/k', 'uploadId=u', {}, 'AbortMultipartUpload'],
    ['DELETE', '/b/k', '', {}, 'DeleteObject'],
    ['DELETE', '/b', '', {}, 'DeleteBucket'],
    ['HEAD', '/b/k', '', {}, 'HeadObject'],
    ['HEAD', '/b', '', {}, 'HeadBucket'],
  ])('%s %s?%s is told apart', async (method, path, query, headers, operation) => {
    const parsed = await s3.parse(request({ method, path, query: [...new URLSearchParams(query)], headers }));
    expect(parsed.operation).toBe(operation);
  });

  test('a key is the rest of the path, decoded once', async () => {
    const parsed = await s3.parse(request({ method: 'GET', path: '/b//a%20b/../%252F%C3%BC+' }));
    expect(parsed).toMatchObject({ operation: 'GetObject', input: { Bucket: 'b', Key: '/a b/../%2Fü+' } });
  });

  test('an error', () => {
    const answer = s3.answerError(
      new AwsError('NoSuchKey', 'It is not there', 404, { Key: 'a&b' }),
      contextOf('GetObject'),
    );
    expect(answer.statusCode).toBe(404);
    expect(answer.body).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>It is not there</Message><Key>a&amp;b</Key><Resource>/b/k</Resource><RequestId>id-1</RequestId></Error>',
    );
  });
});

test('JSON 1.0: times are seconds, errors are told twice', async () => {
  const states = adapterOf('states');
  const headers = { 'x-amz-target': 'AWSStepFunctions.StartExecution' };
  expect(await states.parse(request({ headers, body: '{"stateMachineArn":"arn:1","input":"{}"}' }))).toEqual({
    operation: 'StartExecution',
    input: { stateMachineArn: 'arn:1', input: '{}' },
  });
  const answer = states.answer(
    { executionArn: 'arn:2', startDate: new Date('2026-01-02T03:04:05.678Z') },
    contextOf('StartExecution'),
  );
  expect(answer.body).toBe('{"executionArn":"arn:2","startDate":1767323045.678}');
  const error = states.answerError(
    new AwsError('ExecutionAlreadyExists', 'taken', 400),
    contextOf('StartExecution'),
  );
  expect(error.headers['x-amzn-errortype']).toBe('ExecutionAlreadyExists');
  expect(error.body).toBe('{"__type":"ExecutionAlreadyExists","message":"taken"}');
});

test('REST-JSON: a modelled error has its status and its own message member', () => {
  const answer = adapterOf('lambda').answerError(
    new AwsError('ResourceNotFoundException', 'Function not found', 400, { Type: 'User' }),
    contextOf('Invoke'),
  );
  expect(answer.statusCode).toBe(404);
  expect(JSON.parse(String(answer.body))).toEqual({
    __type: 'ResourceNotFoundException',
    Message: 'Function not found',
    Type: 'User',
  });
});

test.each([
  [
    {
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/ec2/aws4_request, SignedHeaders=host',
    },
    '',
    'ec2',
  ],
  [
    { authorization: 'AWS4-HMAC-SHA256 Credential=with/slash/20260102/eu-west-1/states/aws4_request' },
    '',
    'states',
  ],
  [{}, 'X-Amz-Credential=AKID%2F20260102%2Fus-east-1%2Fs3%2Faws4_request', 's3'],
  [{ 'x-amz-target': 'AWSStepFunctions.ListStateMachines' }, '', 'states'],
  [{}, '', 's3'],
])('the service of %o?%s is %s%s', (headers, query, service) => {
  expect(serviceOf({ headers, query: [...new URLSearchParams(query)] })).toBe(service);
});

describe('XML', () => {
  test('is read as it is written', () => {
    const root = parseXml(
      '<?xml version="1.0"?>\n<!-- a -->\n<a:root x="1&amp;2">t&#x41;&#66;<b/><![CDATA[<c>]]><b>2</b></a:root>\n',
    );
    expect(root).toMatchObject({
      name: 'root',
      text: 'tAB<c>',
      children: [
        { name: 'b', text: '' },
        { name: 'b', text: '2' },
      ],
    });
    expect(root.attributes.get('x')).toBe('1&2');
  });

  test.each([
    '',
    'text',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '<a>&nbsp;</a>',
    '<a>&',
    '<a x=1/>',
    '</a>',
    '<a><!-- </a>',
    '<1/>',
    '<a>&#x110000;</a>',
  ])('%j is malformed', (text) => {
    expect(() => parseXml(text)).toThrow(MalformedXml);
  });
});
