import { crc32, deflateSync } from 'node:zlib';

/** A rectangle with round corners: left, upper edge, width, height and radius, of a picture that is 1 wide and 1 high. */
type Block = readonly [number, number, number, number, number];
type Colour = readonly [number, number, number];

const ground: Block = [0.06, 0.06, 0.88, 0.88, 0.2];
/** Three boxes at a quay. */
const boxes: readonly Block[] = [
  [0.39, 0.23, 0.22, 0.2, 0.03],
  [0.26, 0.46, 0.22, 0.2, 0.03],
  [0.52, 0.46, 0.22, 0.2, 0.03],
  [0.2, 0.71, 0.6, 0.06, 0.03],
];
const teal: Colour = [15, 139, 141];
const white: Colour = [255, 255, 255];
const black: Colour = [0, 0, 0];
/** Samples of each pixel, each way: what is between two colours is smooth. */
const samples = 4;

/** The program's icon, `size` pixels wide, as PNG. */
export const iconPng = (size: number): Buffer => drawn(size, [[ground], boxes], [teal, white]);

/** Its outline for the tray: black on nothing, which systems turn to what can be seen. */
export const trayPng = (size: number): Buffer => drawn(size, [boxes.map(grown)], [black]);

/** Without a ground around it the picture has more room. */
const grown = ([left, upper, width, height, radius]: Block): Block => [
  (left - 0.5) * 1.5 + 0.5,
  (upper - 0.5) * 1.5 + 0.5,
  width * 1.5,
  height * 1.5,
  radius * 1.5,
];

function isIn([left, upper, width, height, radius]: Block, x: number, y: number): boolean {
  const across = Math.max(left + radius - x, x - (left + width - radius), 0);
  const down = Math.max(upper + radius - y, y - (upper + height - radius), 0);
  return Math.hypot(across, down) <= radius;
}

function drawn(size: number, layers: readonly (readonly Block[])[], colours: readonly Colour[]): Buffer {
  const rows = Buffer.alloc(size * (size * 4 + 1)); // before each row stands its filter: none
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const at = row * (size * 4 + 1) + 1 + column * 4;
      rows.set(pixel(size, row, column, layers, colours), at);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 6], 8); // eight bits each of red, green, blue and opacity
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function pixel(
  size: number,
  row: number,
  column: number,
  layers: readonly (readonly Block[])[],
  colours: readonly Colour[],
): number[] {
  const sum = [0, 0, 0, 0];
  for (let sample = 0; sample < samples * samples; sample++) {
    const x = (column + ((sample % samples) + 0.5) / samples) / size;
    const y = (row + (Math.floor(sample / samples) + 0.5) / samples) / size;
    const layer = layers.findLastIndex(blocks => blocks.some(block => isIn(block, x, y)));
    for (const [at, value] of [...(colours[layer] ?? []), ...(layer < 0 ? [] : [255])].entries())
      sum[at] = (sum[at] ?? 0) + value;
  }
  const opaque = (sum[3] ?? 0) / 255;
  const colour = sum.slice(0, 3).map(value => (opaque === 0 ? 0 : Math.round(value / opaque)));
  return [...colour, Math.round((opaque * 255) / samples ** 2)];
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
