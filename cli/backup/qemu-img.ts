import { LandfallError } from '../../core/model/errors.ts';
import { CommandError } from '../errors.ts';
import { type ProgramOptions, type ProgramResult, runProgram } from '../run-program.ts';
import type { ImageFormat } from './image-format.ts';

/** `qemu-img` is needed for this image and is not installed. */
export class QemuImgNotFound extends CommandError {
  override readonly name = 'QemuImgNotFound';
}

/** `qemu-img` could not convert an image. */
export class ConversionFailed extends CommandError {
  override readonly name = 'ConversionFailed';
}

class NotFound extends LandfallError {
  override readonly name = 'NotFound';
}

export interface Conversion extends ProgramOptions {
  readonly path: string;
  readonly format: ImageFormat;
  /** Where the raw image goes; a sparse file. */
  readonly target: string;
}

/** Writes the image's contents, with those of its backing files, as a sparse raw file. */
export async function convertToRaw({ path, format, target, ...options }: Conversion): Promise<void> {
  // -S 4k: runs of zeros from 4 KiB on become holes, whatever the source format knows of them.
  const args = ['convert', '-f', format, '-O', 'raw', '-S', '4k', path, target];
  const { exitCode, stderr } = await startQemuImg(args, options).catch((error: unknown) => {
    if (!(error instanceof NotFound)) throw error;
    throw new QemuImgNotFound(
      `${path} is a ${format} image, and qemu-img, which reads those, is not on PATH`,
      'Install it (Debian and Ubuntu: qemu-utils, Fedora: qemu-img, macOS: brew install qemu), or convert the image to raw elsewhere.',
    );
  });
  if (exitCode === 0) return;
  throw new ConversionFailed(
    `qemu-img could not read ${path} as ${format}: ${lastLine(stderr)}`,
    `Try "qemu-img check -f ${format} ${path}"; it needs room for the raw data in ${target.replace(/\/[^/]*$/, '')} (--work-folder).`,
  );
}

async function startQemuImg(args: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  try {
    return await runProgram('qemu-img', args, options);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw new NotFound('qemu-img');
    throw error;
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? 'no reason given';
