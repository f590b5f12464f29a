import type { SourceInstance } from '../../../core/model/manifest.ts';
import type { PlannedTarget } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';

type MetadataOptions = Pick<
  PlannedTarget,
  'httpTokens' | 'httpPutResponseHopLimit' | 'httpEndpoint' | 'instanceMetadataTags'
>;

/** The metadata service as the request says, else as at the source, else as is safest. */
export function chooseMetadataOptions(
  source: SourceInstance['metadataOptions'] = {},
  asked: RestoreRequest['target']['metadataOptions'] = {},
): MetadataOptions {
  const hopLimit = asked.httpPutResponseHopLimit ?? source.httpPutResponseHopLimit;
  return {
    httpTokens: asked.httpTokens ?? (source.httpTokens === 'optional' ? 'optional' : 'required'),
    ...(hopLimit === undefined ? {} : { httpPutResponseHopLimit: hopLimit }),
    httpEndpoint: asked.httpEndpoint ?? (source.httpEndpoint === 'disabled' ? 'disabled' : 'enabled'),
    instanceMetadataTags:
      asked.instanceMetadataTags ?? (source.instanceMetadataTags === 'enabled' ? 'enabled' : 'disabled'),
  };
}
