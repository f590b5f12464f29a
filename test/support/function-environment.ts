import { functionEnvironmentSchema } from '../../core/model/environment.ts';

/** Environment of a function that a test runs in its own process; the endpoint is the test's to add. */
export const FUNCTION_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  ...functionEnvironmentSchema.parse({
    AWS_REGION: 'us-east-1',
    ACCOUNT_ID: '123456789012',
    CONTROL_BUCKET: 'control',
    REPOSITORY_URL: 's3://repository',
    IMPORT_ROLE_NAME: 'import',
    INSTANCE_PROFILES: 'none',
    HELPER_PROFILE_NAME: 'helper-profile',
    HELPER_ROLE_ID: 'AROAHELPER',
    HELPER_BUNDLE_URL: 's3://assets/helper.tar.gz',
    HELPER_BUNDLE_SHA256: 'b'.repeat(64),
  }),
};
