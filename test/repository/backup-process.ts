/** A writer to be killed: backs up the same disk of noise into the folder that it is given, again and again, and says when it begins. */
import { argv } from 'node:process';
import { createRepository, makeFolderStore } from '../../core/repository/index.ts';
import { BLOCK, backUpDisks, noise } from './machines.ts';

const [, , folder = '', blocks = '0'] = argv;
const disk = Buffer.concat(Array.from({ length: Number(blocks) }, (_, nth) => noise(`killed ${nth}`)));
const repository = await createRepository(makeFolderStore({ folder }));
console.log('begins');
const options = { parent: 'none', segmentBytes: 4 * BLOCK, memoryBytes: 64 * 1024 ** 2 } as const;
await backUpDisks(repository, { root: disk }, options);
console.log('is done');
