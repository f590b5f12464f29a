/** The task cannot go on; it ends `deleted` with this message after `ClientError: `. */
export class ImageImportRefused extends Error {
  override readonly name = 'ImageImportRefused';
}
