import { type Decoded, fields, flag, integer, list, text, words } from '../decode.ts';

/** `POST /containers/{ref}/exec`. */
export const execCreateBody = fields(
  {
    User: text,
    Privileged: flag,
    Tty: flag,
    ConsoleSize: list(integer),
    AttachStdin: flag,
    AttachStderr: flag,
    AttachStdout: flag,
    Detach: flag,
    DetachKeys: text,
    Env: list(text),
    WorkingDir: text,
    Cmd: words,
  },
  'container.ExecOptions',
);
export type ExecCreateBody = Decoded<typeof execCreateBody>;

export interface ExecCreateResponse {
  Id: string;
}

/** `POST /exec/{id}/start`; `ConsoleSize` is [height, width]. */
export const execStartBody = fields(
  { Detach: flag, Tty: flag, ConsoleSize: list(integer) },
  'container.ExecStartOptions',
);
export type ExecStartBody = Decoded<typeof execStartBody>;

/** `GET /exec/{id}/json`; `ExitCode` is null until the process has ended. */
export interface ExecInspect {
  ID: string;
  Running: boolean;
  ExitCode: number | null;
  ProcessConfig: {
    tty: boolean;
    entrypoint: string;
    arguments: string[];
    privileged?: boolean;
    user?: string;
  };
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  DetachKeys: string;
  Pid: number;
}
