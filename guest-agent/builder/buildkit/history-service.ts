import { decode, encode, timestampOf } from './messages.ts';
import { type GrpcCall, onlyMessage } from './server.ts';
import type { HistoryEvent, HistoryRecord, SolveHistory } from './solve-history.ts';

interface ListenRequest {
  ActiveOnly: boolean;
  Ref: string;
  EarlyExit: boolean;
  Limit: number;
}

const eventTypes = { started: 0, complete: 1, deleted: 2 } as const;

const toEvent = ({ type, record }: HistoryEvent): Uint8Array =>
  encode('BuildHistoryEvent', { type: eventTypes[type], record: toRecord(record) });

function toRecord(record: HistoryRecord): object {
  const { steps, completedAt, error } = record;
  return {
    Ref: record.ref,
    Frontend: record.frontend,
    FrontendAttrs: record.attributes,
    Exporters: record.exporters,
    ...(error ? { error: { code: error.code, message: error.message } } : {}),
    CreatedAt: timestampOf(new Date(record.createdAt)),
    ...(completedAt ? { CompletedAt: timestampOf(new Date(completedAt)) } : {}),
    ExporterResponse: record.answer,
    pinned: record.pinned,
    numCachedSteps: steps.cached,
    numTotalSteps: steps.total,
    numCompletedSteps: steps.completed,
    numWarnings: steps.warnings,
  };
}

/** ListenBuildHistory: what is known, then, unless the client has enough, what happens. */
export async function listenHistory(history: SolveHistory, call: GrpcCall): Promise<void> {
  const asked = decode<ListenRequest>('BuildHistoryRequest', await onlyMessage(call));
  const isWanted = ({ ref, completedAt }: HistoryRecord): boolean =>
    (asked.Ref === '' || ref === asked.Ref) && !(asked.ActiveOnly && completedAt);
  const pending: HistoryEvent[] = [];
  let wake: () => void = () => undefined;
  const stop = history.listen(event => {
    pending.push(event);
    wake();
  });
  try {
    const known = history.list().filter(isWanted);
    for (const record of asked.Limit > 0 ? known.slice(-asked.Limit) : known) {
      await call.send(toEvent({ type: record.completedAt ? 'complete' : 'started', record }));
    }
    if (asked.EarlyExit) return;
    const gone = new Promise<void>(resolve => call.signal.addEventListener('abort', () => resolve(), { once: true }));
    while (!call.signal.aborted) {
      for (const event of pending.splice(0)) {
        if (event.type === 'deleted' || isWanted(event.record) || asked.ActiveOnly) await call.send(toEvent(event));
      }
      await Promise.race([gone, new Promise<void>(resolve => (wake = resolve))]);
    }
  } finally {
    stop();
  }
}

/** UpdateBuildHistory: pins a record, or forgets it. */
export async function updateHistory(history: SolveHistory, call: GrpcCall): Promise<void> {
  const asked = decode<{ Ref: string; Pinned: boolean; Delete: boolean; Finalize: boolean }>(
    'UpdateBuildHistoryRequest',
    await onlyMessage(call),
  );
  if (asked.Delete) history.remove(asked.Ref);
  else if (!asked.Finalize) await history.pin(asked.Ref, asked.Pinned);
  await call.send(encode('Empty', {}));
}
