import type { GetCallerIdentityCommandInput, GetCallerIdentityCommandOutput } from '@aws-sdk/client-sts';
import type { Call, RegionContext, Service } from '../service.ts';

/** The one identity of the region: calls are not authenticated, a function's calls are told apart by their trace header. */
export function makeStsService(context: RegionContext): Service {
  const root = { UserId: 'AIDALOCALREGION00000', Arn: `arn:aws:iam::${context.accountId}:user/local` };
  return {
    name: 'sts',
    operations: {
      GetCallerIdentity: (
        _input: GetCallerIdentityCommandInput,
        call: Call,
      ): Omit<GetCallerIdentityCommandOutput, '$metadata'> => {
        if (call.caller === 'anonymous') return { Account: context.accountId, ...root };
        return {
          Account: context.accountId,
          UserId: `AROALOCALREGION00000:${call.caller}`,
          Arn: `arn:aws:sts::${context.accountId}:assumed-role/local/${call.caller}`,
        };
      },
    },
  };
}
