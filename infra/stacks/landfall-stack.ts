import { Aws, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { Effect, ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { DefinitionBody, type IChainable, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { temporaryBucketPattern } from '../../core/model/temporary-bucket.ts';
import { makeFunctions } from '../constructs/functions.ts';
import { HelperAppliance } from '../constructs/helper-appliance.ts';
import { Steps } from '../constructs/steps.ts';
import { stepPermissions } from '../permissions.ts';
import { cleanUpWorkflow } from '../workflows/clean-up.ts';
import { planWorkflow } from '../workflows/plan.ts';
import { restoreWorkflow } from '../workflows/restore.ts';

export interface LandfallStackProps extends StackProps {
  /** Folder of the bundled Lambdas. */
  readonly codeFolder: string;
  /** File of the helper appliance's bundle. */
  readonly helperBundle: string;
  /** Names of further buckets that repositories to restore from may lie in. */
  readonly repositoryBuckets?: readonly string[];
  /** ARNs of the roles that restored instances may get by their instance profiles; none when absent. */
  readonly instanceProfileRoles?: readonly string[];
}

// Above every deadline inside, for several waves of disks: the last resort, after which the rule on abnormal ends cleans up.
const RESTORE_TIMEOUT = Duration.days(14);
// A plan takes seconds; this is for one that waits for room among the account's Lambdas.
const PLAN_TIMEOUT = Duration.hours(1);

/** Everything Landfall is in an account: two buckets, three state machines, their functions, and two rules. */
export class LandfallStack extends Stack {
  constructor(scope: Construct, id: string, props: LandfallStackProps) {
    super(scope, id, props);
    const { instanceProfileRoles = [] } = props;
    const repository = this.#bucket('Repository');
    const control = this.#bucket('Control');
    const temporaryBuckets = temporaryBucketPattern({ accountId: Aws.ACCOUNT_ID, region: Aws.REGION });
    const temporaryBucketArn = `arn:${Aws.PARTITION}:s3:::${temporaryBuckets}`;
    const importRole = this.#importRole(temporaryBucketArn);
    const repositoryBucketArns = [
      repository.bucketArn,
      ...(props.repositoryBuckets ?? []).map((name) => `arn:${Aws.PARTITION}:s3:::${name}`),
    ];
    const helper = new HelperAppliance(this, 'Helper', {
      bundle: props.helperBundle,
      controlBucket: control,
      repositoryBucketArns,
    });
    // Orders and reports of appliances that are long gone; of a restore, records and results stay.
    control.addLifecycleRule({ prefix: 'helpers/', expiration: Duration.days(30) });
    const functions = makeFunctions(this, {
      codeFolder: props.codeFolder,
      environment: {
        CONTROL_BUCKET: control.bucketName,
        REPOSITORY_URL: repository.s3UrlForObject(),
        IMPORT_ROLE_NAME: importRole.roleName,
        INSTANCE_PROFILES: instanceProfileRoles.length > 0 ? 'allowed' : 'none',
        HELPER_PROFILE_NAME: helper.profile.instanceProfileName,
        HELPER_ROLE_ID: helper.role.roleId,
        HELPER_BUNDLE_URL: helper.bundleUrl,
        HELPER_BUNDLE_SHA256: helper.bundleSha256,
        ACCOUNT_ID: Aws.ACCOUNT_ID,
      },
      permissions: stepPermissions({
        controlBucket: control,
        repositoryBucketArns,
        importRoleArn: importRole.roleArn,
        instanceProfileRoles,
        helperRoleArn: helper.role.roleArn,
        temporaryBucketArn,
      }),
    });
    const steps = new Steps(functions);
    const restore = this.#machine('Restore', (machineScope) => restoreWorkflow(machineScope, steps));
    const cleanUp = this.#machine('CleanUp', (machineScope) => cleanUpWorkflow(machineScope, steps));
    const plan = this.#machine('Plan', (machineScope) => planWorkflow(machineScope, steps), PLAN_TIMEOUT);
    new Rule(this, 'RestoreRequested', {
      description: 'An event asks for a restore: its detail is the request',
      eventPattern: { source: ['landfall'], detailType: ['Restore Requested'] },
      targets: [new SfnStateMachine(restore, { input: RuleTargetInput.fromEventPath('$.detail') })],
    });
    new Rule(this, 'RestoreEndedAbnormally', {
      description: 'A restore that was stopped, timed out or broke off cannot clean up after itself',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: { stateMachineArn: [restore.stateMachineArn], status: ['ABORTED', 'TIMED_OUT', 'FAILED'] },
      },
      targets: [new SfnStateMachine(cleanUp)],
    });
    new CfnOutput(this, 'RepositoryUrl', { value: repository.s3UrlForObject() });
    new CfnOutput(this, 'ControlBucket', { value: control.bucketName });
    new CfnOutput(this, 'RestoreStateMachineArn', { value: restore.stateMachineArn });
    new CfnOutput(this, 'CleanUpStateMachineArn', { value: cleanUp.stateMachineArn });
    new CfnOutput(this, 'PlanStateMachineArn', { value: plan.stateMachineArn });
  }

  #bucket(id: string): Bucket {
    return new Bucket(this, id, {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      // What is in it outlives the stack: backups, and the record of what was restored.
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(7) }],
    });
  }

  /** The role VM Import reads the temporary bucket with: our own, so that no account-wide `vmimport` is needed. */
  #importRole(temporaryBucketArn: string): Role {
    const role = new Role(this, 'ImportRole', {
      assumedBy: new ServicePrincipal('vmie.amazonaws.com', {
        conditions: {
          StringEquals: { 'sts:Externalid': 'vmimport', 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: { 'aws:SourceArn': `arn:${Aws.PARTITION}:vmie:*:${Aws.ACCOUNT_ID}:*` },
        },
      }),
    });
    new ManagedPolicy(this, 'ImportPolicy', {
      roles: [role],
      statements: [
        new PolicyStatement({
          effect: Effect.ALLOW,
          actions: ['s3:GetBucketLocation', 's3:GetObject', 's3:ListBucket'],
          resources: [temporaryBucketArn, `${temporaryBucketArn}/*`],
        }),
        // As the VM Import/Export User Guide gives it; these take no narrower resource.
        new PolicyStatement({
          actions: ['ec2:ModifySnapshotAttribute', 'ec2:CopySnapshot', 'ec2:RegisterImage', 'ec2:Describe*'],
          resources: ['*'],
        }),
        new PolicyStatement({
          actions: [
            'kms:CreateGrant',
            'kms:Decrypt',
            'kms:DescribeKey',
            'kms:Encrypt',
            'kms:GenerateDataKey*',
            'kms:ReEncrypt*',
          ],
          resources: [`arn:${Aws.PARTITION}:kms:${Aws.REGION}:${Aws.ACCOUNT_ID}:key/*`],
        }),
      ],
    });
    return role;
  }

  /** State names are unique in a machine, construct ids in their scope: each machine's states get a scope of their own. */
  #machine(
    id: string,
    workflow: (scope: Construct) => IChainable,
    timeout: Duration = RESTORE_TIMEOUT,
  ): StateMachine {
    const scope = new Construct(this, `${id}Workflow`);
    return new StateMachine(this, id, {
      definitionBody: DefinitionBody.fromChainable(workflow(scope)),
      comment: `Landfall: ${id}`,
      timeout,
      logs: {
        destination: new LogGroup(this, `${id}Log`, {
          logGroupName: `/aws/vendedlogs/states/${this.stackName}-${id}`,
          retention: RetentionDays.THREE_MONTHS,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
  }
}
