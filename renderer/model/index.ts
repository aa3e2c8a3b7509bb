/** Room `model`: what views think, as pure functions and plain stores: no browser, no Vue. */
export { levelOf, plainText, type StyledText, styledText } from './ansi.ts';
export { type BuildStep, type BuildView, noBuild, withNews } from './build-steps.ts';
export { composeFile } from './compose-file.ts';
export {
  type ContainerRow,
  containerRow,
  containerWords,
  type PublishedPort,
  publishedPorts,
} from './container-row.ts';
export { type ContextFile, tarOfFiles } from './context-tar.ts';
export { diagnosticsText, sizesOf } from './diagnostics.ts';
export { dockerRun } from './docker-run.ts';
export { changedFields, editedBody, formOf } from './edit-form.ts';
export { type FileEntry, parseFileList } from './file-list.ts';
export { type ImageFiles, ImageReader, type LayerFile, type LayerFiles } from './image-layers.ts';
export { orderedTags, splitTag } from './image-tags.ts';
export { compareTexts, groupedLines, inOrder, type ListLine, matchingRows, movedTo, toggled } from './list.ts';
export { LogBuffer, type LogLine, type LogLines, mostLogs, sourceOf } from './log-buffer.ts';
export { LogFrames } from './log-frames.ts';
export { jsonLine, LogMerge } from './log-lines.ts';
export { type LaneRow, networkLanes } from './network-lanes.ts';
export {
  type LayerProgress,
  noProgress,
  type PullProgress,
  transferOf,
  wholeProgress,
  withMessage,
} from './pull-progress.ts';
export { createBody, emptyRunForm, problemsOf, type RunForm, type RunProblem, splitWords } from './run-form.ts';
export { byteSize, duration, memorySize, percent, relativeTime, shortId, writeNumbersIn } from './size.ts';
export { ratesOf, type StatsSeries, statsSeries } from './stats-series.ts';
export { type SummedReadings, summedReadings } from './summed-readings.ts';
export { firstFileOf, type Owner, tarOf } from './tar.ts';
export { folderOf, type TarEntry, TarReader } from './tar-reader.ts';
