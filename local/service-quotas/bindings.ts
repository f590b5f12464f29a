import type { EbsService } from '../ebs/service.ts';
import type { Ec2Service } from '../ec2/service.ts';
import { CODES } from './quotas.ts';
import type { QuotaBinding } from './service.ts';

type StorageType = 'gp2' | 'gp3' | 'io1' | 'io2';

/** Lets Service Quotas change what the region's services keep to, and tell what was changed there. */
export function bindQuotas(
  ec2: Pick<Ec2Service, 'quotas'>,
  ebs: Pick<EbsService, 'quotas'>,
): Record<string, QuotaBinding> {
  const { quotas } = ec2;
  const storage = (type: StorageType): QuotaBinding => ({
    get: () => quotas.storageTiB[type],
    set: (tib) => {
      quotas.storageTiB[type] = tib;
    },
  });
  return {
    [CODES.importTasks]: {
      get: () => quotas.importTasks,
      set: (tasks) => {
        quotas.importTasks = tasks;
      },
    },
    [CODES.standardVcpus]: {
      get: () => quotas.standardVcpus,
      set: (vcpus) => {
        quotas.standardVcpus = vcpus;
      },
    },
    [CODES.gp2]: storage('gp2'),
    [CODES.gp3]: storage('gp3'),
    [CODES.io1]: storage('io1'),
    [CODES.io2]: storage('io2'),
    [CODES.directPuts]: {
      get: () => ebs.quotas.rates?.putsPerAccount,
      set: (putsPerAccount) => {
        ebs.quotas = { ...ebs.quotas, rates: { ...ebs.quotas.rates, putsPerAccount } };
      },
    },
  };
}
