/** A region in a process of its own, with a helper that is up; prints both, then stays until it is killed. */
import { startHelperRegion } from './helper-region.ts';

const at = await startHelperRegion();
const id = await at.launch();
const { pid } = await at.report(id);
console.log(JSON.stringify({ instanceId: id, pid, folder: at.folder }));
