import { inDockersWords, type LogConfig, type LogDriver, type LogSubject, renderTag } from '../logs/index.ts';
import { commandOf } from './config.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineContext } from './context.ts';
import { type LogChoices, logAttributes, logChoices } from './log-attributes.ts';

/** Where the output of a run goes. */
export interface RunLog {
  config: LogConfig;
  attributes: Record<string, string>;
  driver?: LogDriver;
}

/** As it was taken at the creation. */
export function logConfigOf({ hostConfig }: ContainerRecord): LogConfig {
  const { Type, Config } = hostConfig.LogConfig ?? {};
  return { type: Type || 'json-file', options: Config ?? {} };
}

/**
 * Looks whether the log can be written before anything is launched. At once, unless it goes elsewhere.
 * @param patient the container runs already: what takes its log may come later
 * @throws EngineError in Docker's words
 */
export function prepareLog(
  record: ContainerRecord,
  { rooms }: EngineContext,
  { patient }: { patient: boolean },
): RunLog | Promise<RunLog> {
  const config = logConfigOf(record);
  const subject = subjectOf(record);
  const reach = (choices: LogChoices): RunLog | Promise<RunLog> => {
    const log = { config, attributes: inDockersWords(() => attributesOf(record, config, { choices, subject })) };
    const reached = rooms.logs.reach({ ...log, subject, patient });
    return reached ? reached.then(driver => ({ ...log, driver })) : log;
  };
  const choices = logChoices(config.options);
  return choices instanceof Promise ? choices.catch(refuse).then(reach) : reach(choices);
}

const refuse = (error: unknown): never =>
  inDockersWords(() => {
    throw error;
  });

function attributesOf(
  record: ContainerRecord,
  { options, type }: LogConfig,
  { choices, subject }: { choices: LogChoices; subject: LogSubject },
): Record<string, string> {
  const chosen = logAttributes(record.config, choices);
  const tag = type === 'json-file' && options.tag ? renderTag(options.tag, subject) : '';
  return tag === '' ? chosen : { ...chosen, tag };
}

const subjectOf = (record: ContainerRecord): LogSubject => ({
  id: record.id,
  name: record.name,
  imageId: record.image.id,
  imageName: record.image.reference,
  command: commandOf(record.config),
  createdAt: record.createdAt,
});
