import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * Who may import whom. A room is a folder of `floors.json`; `floor` rooms may import what is on lower floors and the
 * rooms that `always` names, `may` rooms only what they name. What is outside a room's door (`index.ts`) is not seen.
 */
interface Room {
  floor?: number;
  may?: string[];
}

interface Floors {
  /** Open to every room: floors without a door. */
  open: string[];
  rooms: Record<string, Room>;
  /** Files that may look behind a door, each with the reason. */
  exceptions: Record<string, { sees: string[]; why: string }>;
}

const project = dirname(import.meta.dirname);
const floors = JSON.parse(readFileSync(join(project, 'floors.json'), 'utf8')) as Floors;

const roomOf = (file: string): string | undefined =>
  Object.keys(floors.rooms)
    .filter(room => file === room || file.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0];

function sources(directory: string): string[] {
  return readdirSync(join(project, directory), { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map(entry => relative(project, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(project, file), 'utf8');
  const found = text.matchAll(
    /(?:^|\n)(?:import|export)[^'"]*?from\s+['"](\.[^'"]+)['"]|import\(['"](\.[^'"]+)['"]\)/g,
  );
  return [...found].map(match => relative(project, join(project, dirname(file), match[1] ?? match[2] ?? '')));
}

function complaint(file: string, target: string): string | undefined {
  const from = roomOf(file);
  const to = roomOf(target);
  if (!from || from === to) return undefined;
  if (!to)
    return target.startsWith('test/') || floors.open.some(open => target.startsWith(`${open}/`))
      ? undefined
      : `${target} is in no room`;
  const { floor, may = [] } = floors.rooms[from] ?? {};
  const below = floors.rooms[to]?.floor;
  const allowed =
    may.includes(to) || floors.open.includes(to) || (floor !== undefined && below !== undefined && below < floor);
  if (!allowed) return `${from} may not import ${to}`;
  const door = `${to}/index.ts`;
  if (floors.open.includes(to) || target === door) return undefined;
  if (floors.exceptions[file]?.sees.includes(target)) return undefined;
  return floors.exceptions[to]?.sees.includes(target) ? undefined : `${target} is behind the door of ${to}`;
}

/** Every import that breaks the house's order, as `file: what`. */
export function brokenFloors(): string[] {
  const roots = [...new Set(Object.keys(floors.rooms).map(room => room.split('/')[0] ?? room))];
  return roots.flatMap(sources).flatMap(file =>
    importsOf(file).flatMap(target => {
      const what = complaint(file, target);
      return what ? [`${file}: ${what}`] : [];
    }),
  );
}

if (import.meta.main) {
  const broken = brokenFloors();
  for (const line of broken) process.stderr.write(`${line}\n`);
  process.exit(broken.length > 0 ? 1 : 0);
}
