import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

/** A file of the built window. */
export interface Asset {
  type: string;
  bytes: Buffer;
  gzip: Buffer;
  /** Its name has a digest of what is in it. */
  immutable: boolean;
}

/** Every file of the built window by its path: they are few, and nothing else can be asked for. */
export function readAssets(folder: string): Map<string, Asset> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return new Map(
    files.map(entry => {
      const file = join(entry.parentPath, entry.name);
      const path = `/${relative(folder, file).split(sep).join('/')}`;
      const bytes = readFileSync(file);
      const type = types[extname(file)] ?? 'application/octet-stream';
      return [path, { type, bytes, gzip: gzipSync(bytes), immutable: path.startsWith('/assets/') }];
    }),
  );
}

/** Only our own scripts; nothing from elsewhere. Inline styles are xterm.js's. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
