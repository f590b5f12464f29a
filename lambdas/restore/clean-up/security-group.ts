import { DeleteSecurityGroupCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { describeSecurityGroup } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { going, makeRemover } from './removal.ts';

/** Deletes the isolated group once no interface is in it. */
export const removeSecurityGroup = makeRemover({
  describe: describeSecurityGroup,
  idOf: ({ GroupId }) => GroupId,
  remove: async (_group, id) => {
    try {
      await ec2.send(new DeleteSecurityGroupCommand({ GroupId: id }));
      return { outcome: 'gone', resourceId: id };
    } catch (error) {
      if (awsErrorCode(error) === 'DependencyViolation') return going;
      throw error;
    }
  },
});
