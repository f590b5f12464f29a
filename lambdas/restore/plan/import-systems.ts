/** What VM Import says of an operating system by its name: `unknown` where the name is none it lists or leaves out. */
export type ImportSupport = 'supported' | 'unsupported' | 'unknown';

interface System {
  readonly name: RegExp;
  /** Versions, both ends included; a later one than the last is not supported yet. */
  readonly versions: readonly (readonly [from: number, to: number])[];
}

/*
 * VM Import/Export User Guide (2026), "Operating systems supported by VM Import/Export". The service packs and minor versions
 * in it are not told apart but for Ubuntu's, whose minor version is its release. Order matters: the first that fits.
 */
const LISTED: readonly System[] = [
  {
    name: /windows server/i,
    versions: [
      [2003, 2003],
      [2008, 2008],
      [2012, 2012],
      [2016, 2016],
      [2019, 2019],
      [2022, 2022],
      [2025, 2025],
    ],
  },
  { name: /windows/i, versions: [[7, 11]] },
  {
    name: /amazon linux/i,
    versions: [
      [2, 2],
      [2023, 2023],
    ],
  },
  { name: /centos/i, versions: [[5, 9]] },
  { name: /debian/i, versions: [[6, 12]] },
  {
    name: /fedora/i,
    versions: [
      [18, 20],
      [37, 39],
    ],
  },
  { name: /oracle linux|oracle enterprise linux/i, versions: [[5, 10]] },
  { name: /red ?hat|rhel/i, versions: [[5, 10]] },
  { name: /rocky/i, versions: [[9, 10]] },
  { name: /suse linux enterprise|\bsles\b/i, versions: [[11, 15]] },
  { name: /ubuntu/i, versions: [[12.04, 24.04]] },
];

const NOT_LISTED =
  /alma|alpine|\barch\b|clear linux|coreos|flatcar|freebsd|gentoo|kali|linux mint|macos|manjaro|netbsd|nixos|openbsd|opensuse|photon|proxmox|slackware|solaris|void linux/i;

/** Whether VM Import takes a machine with this operating system, e.g. `Debian 12`. */
export function importSupportOf(operatingSystem: string): ImportSupport {
  if (NOT_LISTED.test(operatingSystem)) return 'unsupported';
  const system = LISTED.find(({ name }) => name.test(operatingSystem));
  const version = system && versionIn(operatingSystem, system);
  if (!system || version === undefined) return 'unknown';
  return system.versions.some(([from, to]) => version >= from && version <= to) ? 'supported' : 'unsupported';
}

/** The first number behind the system's name; whole but for Ubuntu. */
function versionIn(operatingSystem: string, { name }: System): number | undefined {
  const rest = operatingSystem.slice(operatingSystem.search(name));
  const found = /\d+(\.\d+)?/.exec(rest)?.[0];
  if (found === undefined) return undefined;
  return name.test('Ubuntu') ? Number(found) : Math.floor(Number(found));
}
