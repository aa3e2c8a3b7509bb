/** Room `model`: what views think, as pure functions and plain stores: no browser, no Vue. */
export { levelOf, plainText, type StyledText, styledText } from './ansi.ts';
export {
  type ContainerRow,
  containerRow,
  groupedLines,
  type ListLine,
  matchingRows,
  type PublishedPort,
  publishedPorts,
  type Sorting,
  type SortKey,
  sortedRows,
} from './container-row.ts';
export { dockerRun } from './docker-run.ts';
export { type FileEntry, parseFileList } from './file-list.ts';
export { LogBuffer, type LogLine } from './log-buffer.ts';
export { LogFrames } from './log-frames.ts';
export { type LayerProgress, noProgress, type PullProgress, wholeProgress, withMessage } from './pull-progress.ts';
export { createBody, emptyRunForm, problemsOf, type RunForm, type RunProblem, splitWords } from './run-form.ts';
export { byteSize, memorySize, percent, relativeTime, shortId } from './size.ts';
export { firstFileOf, tarOf } from './tar.ts';
