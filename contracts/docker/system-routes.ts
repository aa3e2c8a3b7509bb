import { boolean, filters, optionalBoolean, optionalInteger, optionalText, repeated } from '../decode.ts';
import { json, lines, route } from '../route.ts';
import { authConfig } from './common.ts';
import type { EventMessage } from './events.ts';
import type { AuthResponse, BuildPruneReport, DiskUsage, SystemInfo, VersionDocument } from './system.ts';

export const systemInfo = route('GET', '/info', { answer: json<SystemInfo>() });
export const systemVersion = route('GET', '/version', { answer: json<VersionDocument>() });

export const systemDiskUsage = route('GET', '/system/df', {
  query: { type: repeated, verbose: optionalBoolean },
  answer: json<DiskUsage>(),
});

export const systemEvents = route('GET', '/events', {
  query: { since: optionalText, until: optionalText, filters },
  answer: lines<EventMessage>(),
});

export const registryLogin = route('POST', '/auth', { body: authConfig, answer: json<AuthResponse>() });

export const buildPrune = route('POST', '/build/prune', {
  query: {
    all: boolean,
    filters,
    'keep-storage': optionalInteger,
    'reserved-space': optionalInteger,
    'max-used-space': optionalInteger,
    'min-free-space': optionalInteger,
  },
  answer: json<BuildPruneReport>(),
});
export const pluginList = route('GET', '/plugins', { answer: json<never[]>() });
