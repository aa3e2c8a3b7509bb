import { type Decoded, fields, flag, optionalText, text } from '../decode.ts';
import { json, nothing, route } from '../route.ts';

/** `POST /containers/{ref}/checkpoints`. */
export const checkpointCreateBody = fields(
  { CheckpointID: text, CheckpointDir: text, Exit: flag },
  'checkpoint.CreateOptions',
);
export type CheckpointCreateBody = Decoded<typeof checkpointCreateBody>;

export interface CheckpointSummary {
  Name: string;
}

export const checkpointCreate = route('POST', '/containers/{ref}/checkpoints', {
  body: checkpointCreateBody,
  answer: nothing(201),
});

export const checkpointList = route('GET', '/containers/{ref}/checkpoints', {
  query: { dir: optionalText },
  answer: json<CheckpointSummary[] | null>(),
});

export const checkpointRemove = route('DELETE', '/containers/{ref}/checkpoints/{name}', {
  query: { dir: optionalText },
  answer: nothing(),
});
