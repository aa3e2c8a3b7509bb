import { json, nothing, route, session } from '../route.ts';
import { terminalSize } from './container-routes.ts';
import { type ExecCreateResponse, type ExecInspect, execCreateBody, execStartBody } from './exec.ts';

export const execCreate = route('POST', '/containers/{ref}/exec', {
  body: execCreateBody,
  answer: json<ExecCreateResponse>(201),
});

/** With `Detach` the answer is empty, otherwise the connection is the process's standard streams. */
export const execStart = route('POST', '/exec/{id}/start', { body: execStartBody, answer: session() });

export const execInspect = route('GET', '/exec/{id}/json', { answer: json<ExecInspect>() });

export const execResize = route('POST', '/exec/{id}/resize', {
  query: terminalSize,
  answer: nothing(200),
});
