import type { FileHandle } from 'node:fs/promises';

/** Formats that hold a disk image; all but `raw` are converted by qemu-img, under its own names. */
export const IMAGE_FORMATS = ['raw', 'qcow2', 'vmdk', 'vhdx', 'vpc', 'vdi', 'qed'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

export type DetectedFormat =
  | { readonly kind: 'image'; readonly format: ImageFormat }
  /** Something that wraps an image and must be unpacked first. */
  | { readonly kind: 'packed'; readonly what: string; readonly unpackWith: string };

interface Magic {
  readonly offset: number;
  readonly bytes: Buffer;
  readonly is: DetectedFormat;
}

const image = (format: ImageFormat): DetectedFormat => ({ kind: 'image', format });
const packed = (what: string, unpackWith: string): DetectedFormat => ({ kind: 'packed', what, unpackWith });
const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');

const VHD_FOOTER = Buffer.from('conectix');
const VHD_FOOTER_BYTES = 512;

/** Sources: qemu's docs/interop/qcow2.rst and block/*.c, MS-VHDX 2.2.1, the VHD specification 1.0, VMDK specification 5.0. */
const MAGICS: readonly Magic[] = [
  { offset: 0, bytes: hex('514649fb'), is: image('qcow2') },
  { offset: 0, bytes: Buffer.from('KDMV'), is: image('vmdk') },
  { offset: 0, bytes: Buffer.from('COWD'), is: image('vmdk') },
  { offset: 0, bytes: Buffer.from('# Disk DescriptorFile'), is: image('vmdk') },
  { offset: 0, bytes: Buffer.from('vhdxfile'), is: image('vhdx') },
  { offset: 0, bytes: VHD_FOOTER, is: image('vpc') },
  { offset: 0, bytes: Buffer.from('QED\0'), is: image('qed') },
  { offset: 0x40, bytes: hex('7f10dabe'), is: image('vdi') },
  { offset: 0, bytes: hex('1f8b08'), is: packed('gzip', 'gunzip') },
  { offset: 0, bytes: hex('28b52ffd'), is: packed('zstd', 'unzstd') },
  { offset: 0, bytes: hex('fd377a585a00'), is: packed('xz', 'unxz') },
  { offset: 0, bytes: Buffer.from('BZh'), is: packed('bzip2', 'bunzip2') },
  { offset: 0, bytes: Buffer.from('PK\u0003\u0004'), is: packed('zip', 'unzip') },
  { offset: 0, bytes: hex('377abcaf271c'), is: packed('7z', '7z x') },
  { offset: 257, bytes: Buffer.from('ustar'), is: packed('tar (an OVA, perhaps)', 'tar -xf') },
];

const HEAD_BYTES = 512;

/**
 * Tells what a file holds by its first bytes (and its last 512, where a VHD of fixed size keeps its mark), never
 * by its name. What nothing is known of is raw.
 */
export async function detectImageFormat(handle: FileHandle, size: number): Promise<DetectedFormat> {
  const head = await readAt(handle, 0, HEAD_BYTES);
  const found = MAGICS.find(({ offset, bytes }) =>
    head.subarray(offset, offset + bytes.length).equals(bytes),
  );
  if (found !== undefined) return found.is;
  const footer = await readAt(handle, Math.max(0, size - VHD_FOOTER_BYTES), VHD_FOOTER.length);
  return footer.equals(VHD_FOOTER) ? image('vpc') : image('raw');
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
