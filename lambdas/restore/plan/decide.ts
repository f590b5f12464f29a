import type { Manifest } from '../../../core/model/manifest.ts';
import type { Conversion, LaunchImage, Plan } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { checkBootMode } from './boot-mode.ts';
import { chooseStrategy, type StrategyChoice } from './choose-strategy.ts';
import { withoutExcludedDisks } from './chosen-disks.ts';
import { type ConversionFacts, importedImage, needsImport, planConversion } from './conversion.ts';
import { planDisks } from './disks.ts';
import { settleEncryption } from './encryption.ts';
import type { Findings } from './findings.ts';
import { chooseLaunchImage } from './launch-image.ts';
import { findOriginal, planOriginal } from './original.ts';
import { atOriginal, withLifetimesOf } from './original-devices.ts';
import { planTarget } from './target.ts';
import { checkTargetQuotas } from './target-quota.ts';

export interface Decision {
  /** Undefined where the findings say why it is not possible. */
  readonly target: Plan['target'] | undefined;
  readonly conversion: Conversion;
  /** Of the chosen strategy; what was found about it is among the findings. */
  readonly choice: StrategyChoice;
}

/**
 * Decides everything about a restore, and says in `findings` all that is wrong. `compare` says of which strategies
 * is asked what they would come to.
 */
export async function decide(
  located: Manifest,
  request: RestoreRequest,
  { findings, compare }: { findings: Findings; compare: 'all' | 'as-needed' },
): Promise<Decision> {
  const asked = withoutExcludedDisks(asAsked(located, request), request, findings);
  const { workload } = asked;
  const original = await findOriginal({ manifest: asked, request, findings });
  const manifest = original ? atOriginal(asked, original) : asked;
  const launchImage = await launchImageFor({ manifest, request, findings });
  const rootDeviceName =
    original?.rootDeviceName ?? launchImage?.rootDeviceName ?? workload.rootDeviceName ?? '/dev/sda1';
  const planned = planDisks(manifest, request, {
    rootDeviceName,
    takenDeviceNames: original?.keptDeviceNames,
    findings,
  });
  const wished = original ? withLifetimesOf(original, planned) : planned;
  const wanted = await settleEncryption(wished, { request, findings });
  const { conversion, disks } = planConversion(wanted, { manifest, request, findings });
  const facts = { workload, request, launchImage, disks, findings };
  const { target, subnet } = await (request.restoreTo === 'original'
    ? planOriginal(original, { workload, request })
    : planTarget(facts));
  const targetRunner = await checkTargetQuotas(target, { disks, findings });
  const choice = await chooseStrategy(
    {
      request,
      manifest,
      disks,
      conversion,
      targetSubnet: subnet,
      ...(targetRunner === undefined ? {} : { targetRunner }),
    },
    compare,
  );
  findings.addNew(choice.findings);
  return { target, conversion, choice };
}

/** Only a new instance needs one. */
async function launchImageFor(facts: ConversionFacts): Promise<LaunchImage | undefined> {
  const { manifest, request, findings } = facts;
  if (request.restoreTo !== 'new') return undefined;
  if (needsImport(facts)) return importedImage(facts);
  checkBootMode(facts);
  return await chooseLaunchImage(manifest.workload, request, findings);
}

/** The machine as the request wants it to boot. */
const asAsked = (manifest: Manifest, { target: { bootMode } }: RestoreRequest): Manifest =>
  bootMode === undefined ? manifest : { ...manifest, workload: { ...manifest.workload, bootMode } };
