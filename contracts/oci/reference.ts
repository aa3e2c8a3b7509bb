import { invalidArgument } from '../errors.ts';
import { type Digest, parseDigest } from './digest.ts';

/**
 * What a user means by the name of an image, always whole: `busybox` is
 * `{ domain: 'docker.io', path: 'library/busybox' }`. Grammar: distribution/reference.
 */
export interface Reference {
  domain: string;
  path: string;
  tag?: string;
  digest?: Digest;
}

/** The registry that names without a domain belong to. */
export const defaultDomain = 'docker.io';
const officialPrefix = 'library/';
const longestName = 255;

const hostLabel = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainText = `(?:${hostLabel}(?:\\.${hostLabel})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const pathText = `${component}(?:/${component})*`;
const tagText = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const digestText = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const wholeReference = new RegExp(`^(${domainText})/(${pathText})(?::(${tagText}))?(?:@(${digestText}))?$`);
const wholeTag = new RegExp(`^${tagText}$`);
const imageId = /^[a-f0-9]{64}$/;

/** True when `text` can be a tag. */
export const isTag = (text: string): boolean => wholeTag.test(text);

/**
 * Reads a name as Docker does, and completes it; the tag stays absent when there is none.
 * @throws invalid-argument in Docker's words.
 */
export function parseReference(text: string): Reference {
  if (imageId.test(text)) {
    throw invalidArgument(
      `invalid reference format: invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    );
  }
  const [domain, remainder] = splitDomain(text);
  const remote = remainder.split(':', 1)[0] ?? '';
  if (remote.toLowerCase() !== remote) {
    throw invalidArgument(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  const match = wholeReference.exec(`${domain}/${remainder}`);
  const path = match?.[2];
  if (!match || !path) throw invalidArgument('invalid reference format');
  if (domain.length + 1 + path.length > longestName) {
    throw invalidArgument(`invalid reference format: repository name must not be more than ${longestName} characters`);
  }
  const reference: Reference = { domain, path };
  if (match[3]) reference.tag = match[3];
  if (match[4]) reference.digest = parseDigest(match[4]);
  return reference;
}

function splitDomain(text: string): [domain: string, remainder: string] {
  const slash = text.indexOf('/');
  if (slash === -1) return [defaultDomain, officialPrefix + text];
  const first = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  if (first === 'index.docker.io' || first === defaultDomain) {
    return [defaultDomain, rest.includes('/') ? rest : officialPrefix + rest];
  }
  const isDomain = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;
  return isDomain ? [first, rest] : [defaultDomain, text];
}

/** The reference with `latest` where it says neither a tag nor a digest. */
export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag || reference.digest ? reference : { ...reference, tag: 'latest' };

/** `repository` with the tag (or digest) beside it, which counts for more than one of its own. @throws invalid-argument in Docker's words */
export function withTag(repository: string, tag: string | undefined): Reference {
  const named = parseReference(repository);
  if (!tag) return named;
  const alone = repositoryOf(named);
  if (tag.includes(':')) return parseReference(`${toText(alone)}@${tag}`);
  if (!isTag(tag)) throw invalidArgument('invalid tag format');
  return { ...alone, tag };
}

/** What an image is to be called, `latest` where no tag is said. @throws invalid-argument in Docker's words for what can be no tag */
export function tagOf(reference: Reference): Reference {
  if (reference.digest) throw invalidArgument('refusing to create a tag with a digest reference');
  if (familiarName(reference) === 'sha256')
    throw invalidArgument('refusing to create an ambiguous tag using digest algorithm as name');
  return withDefaultTag(reference);
}

/** The repository alone. */
export const repositoryOf = ({ domain, path }: Reference): Reference => ({ domain, path });

/** The whole name, as it is stored: `docker.io/library/busybox:latest`. */
export const toText = (reference: Reference): string => `${reference.domain}/${reference.path}${suffixOf(reference)}`;

/** The name as Docker shows it: `busybox:latest`, `localhost:5000/app@sha256:…`. */
export function familiar(reference: Reference): string {
  return familiarName(reference) + suffixOf(reference);
}

/** The repository as Docker shows it, without tag and digest. */
export function familiarName({ domain, path }: Reference): string {
  if (domain !== defaultDomain) return `${domain}/${path}`;
  const short = path.startsWith(officialPrefix) ? path.slice(officialPrefix.length) : path;
  return short.includes('/') ? path : short;
}

const suffixOf = ({ tag, digest }: Reference): string => (tag ? `:${tag}` : '') + (digest ? `@${digest}` : '');
