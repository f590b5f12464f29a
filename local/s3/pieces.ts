import { z } from 'zod';
import type { ExtentList } from '../sparse/index.ts';
import { clipExtents } from '../sparse/index.ts';

/**
 * A run of an object's bytes: a range of a data file, or zeros with no file at all. Data files are never changed
 * once written, so a copy of an object (or of a range, as a part) refers to the same files and costs nothing.
 */
export interface Piece {
  /** Id of the data file; null where all is zero. */
  readonly file: string | null;
  /** Where in the file the run begins. */
  readonly offset: number;
  readonly length: number;
  /** Where within the run there may be anything but zeros. */
  readonly data: ExtentList;
}

export const pieceSchema = z.object({
  file: z.string().nullable(),
  offset: z.number(),
  length: z.number(),
  data: z.array(z.number()).readonly(),
});

/** The pieces of [offset, offset + length) of the content that `pieces` make up. */
export function slicePieces(pieces: readonly Piece[], offset: number, length: number): Piece[] {
  const slices: Piece[] = [];
  let at = 0;
  for (const piece of pieces) {
    const start = Math.max(offset, at);
    const end = Math.min(offset + length, at + piece.length);
    if (end > start) slices.push(slicePiece(piece, start - at, end - start));
    at += piece.length;
    if (at >= offset + length) break;
  }
  return slices;
}

function slicePiece(piece: Piece, from: number, length: number): Piece {
  if (from === 0 && length === piece.length) return piece;
  const data = clipExtents(piece.data, from, length);
  if (data.length === 0) return { file: null, offset: 0, length, data };
  return { file: piece.file, offset: piece.offset + from, length, data };
}

export function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((size, piece) => size + piece.length, 0);
}

/** Neighbouring zeros and neighbouring ranges of one file become one piece: an object of 10,000 zero parts is one. */
export function joinPieces(pieces: readonly Piece[]): Piece[] {
  const joined: Piece[] = [];
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    const last = joined.at(-1);
    if (last?.file === null && piece.file === null) {
      joined[joined.length - 1] = { ...last, length: last.length + piece.length };
    } else joined.push(piece);
  }
  return joined;
}
