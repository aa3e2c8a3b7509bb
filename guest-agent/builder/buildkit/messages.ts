import protobuf from 'protobufjs/light.js';
import { graphShapes } from './graph-shapes.ts';

/** A message's fields: name → `number type`, with `[]` for a list and `map` before the type of a map's values. */
type Shape = Readonly<Record<string, string>>;

/**
 * BuildKit's messages, as far as they are spoken here; fields that are not named are passed over. Declared by hand, so that
 * nothing has to be generated: names and numbers are those of moby/buildkit's .proto files (api/services/control,
 * frontend/gateway/pb, session), of containerd's content service and of tonistiigi/fsutil's wire format.
 */
const shapes: Readonly<Record<string, Shape>> = {
  ...graphShapes,
  Empty: {},
  Timestamp: { seconds: '1 int64', nanos: '2 int32' },
  Any: { type_url: '1 string', value: '2 bytes' },
  Status: { code: '1 int32', message: '2 string', details: '3 Any[]' },
  Platform: { Architecture: '1 string', OS: '2 string', Variant: '3 string' },
  Version: { package: '1 string', version: '2 string', revision: '3 string' },
  WorkerRecord: {
    ID: '1 string',
    Labels: '2 map string',
    platforms: '3 Platform[]',
    GCPolicy: '4 GCPolicy[]',
    BuildkitVersion: '5 Version',
  },
  GCPolicy: {
    all: '1 bool',
    keepDuration: '2 int64',
    reservedSpace: '3 int64',
    filters: '4 string[]',
    maxUsedSpace: '5 int64',
    minFreeSpace: '6 int64',
  },
  ListWorkersResponse: { record: '1 WorkerRecord[]' },
  InfoResponse: { buildkitVersion: '1 Version' },
  Exporter: { Type: '1 string', Attrs: '2 map string' },
  SolveRequest: {
    Ref: '1 string',
    Exporter: '3 string',
    ExporterAttrs: '4 map string',
    Session: '5 string',
    Frontend: '6 string',
    FrontendAttrs: '7 map string',
    Definition: '2 Definition',
    Cache: '8 CacheOptions',
    Entitlements: '9 string[]',
    FrontendInputs: '10 map Definition',
    Exporters: '13 Exporter[]',
  },
  CacheOptions: { Exports: '4 CacheEntry[]', Imports: '5 CacheEntry[]' },
  CacheEntry: { Type: '1 string', Attrs: '2 map string' },
  SolveResponse: { ExporterResponse: '1 map string' },
  StatusRequest: { Ref: '1 string' },
  StatusResponse: {
    vertexes: '1 Vertex[]',
    statuses: '2 VertexStatus[]',
    logs: '3 VertexLog[]',
    warnings: '4 VertexWarning[]',
  },
  Vertex: {
    digest: '1 string',
    inputs: '2 string[]',
    name: '3 string',
    cached: '4 bool',
    started: '5 Timestamp',
    completed: '6 Timestamp',
    error: '7 string',
  },
  VertexStatus: {
    ID: '1 string',
    vertex: '2 string',
    name: '3 string',
    current: '4 int64',
    total: '5 int64',
    timestamp: '6 Timestamp',
    started: '7 Timestamp',
    completed: '8 Timestamp',
  },
  VertexLog: { vertex: '1 string', timestamp: '2 Timestamp', stream: '3 int64', msg: '4 bytes' },
  SourceInfo: { filename: '1 string', data: '2 bytes', language: '4 string' },
  Position: { line: '1 int32', character: '2 int32' },
  Range: { start: '1 Position', end: '2 Position' },
  VertexWarning: {
    vertex: '1 string',
    level: '2 int64',
    short: '3 bytes',
    detail: '4 bytes[]',
    url: '5 string',
    info: '6 SourceInfo',
    ranges: '7 Range[]',
  },
  PruneRequest: {
    filter: '1 string[]',
    all: '2 bool',
    keepDuration: '3 int64',
    reservedSpace: '4 int64',
    maxUsedSpace: '5 int64',
    minFreeSpace: '6 int64',
  },
  DiskUsageRequest: { filter: '1 string[]' },
  UsageRecord: {
    ID: '1 string',
    Mutable: '2 bool',
    InUse: '3 bool',
    Size: '4 int64',
    CreatedAt: '6 Timestamp',
    LastUsedAt: '7 Timestamp',
    UsageCount: '8 int64',
    Description: '9 string',
    RecordType: '10 string',
    Shared: '11 bool',
    Parents: '12 string[]',
  },
  DiskUsageResponse: { record: '1 UsageRecord[]' },
  Capability: { ID: '1 string', Enabled: '2 bool' },
  PongResponse: { FrontendAPICaps: '1 Capability[]', LLBCaps: '2 Capability[]', Workers: '3 WorkerRecord[]' },
  BridgeSolveRequest: {
    Definition: '1 Definition',
    Frontend: '2 string',
    FrontendOpt: '3 map string',
    CacheImports: '12 CacheEntry[]',
    FrontendInputs: '13 map Definition',
  },
  BuildHistoryRequest: { ActiveOnly: '1 bool', Ref: '2 string', EarlyExit: '3 bool', Limit: '5 int32' },
  BuildHistoryRecord: {
    Ref: '1 string',
    Frontend: '2 string',
    FrontendAttrs: '3 map string',
    Exporters: '4 Exporter[]',
    error: '5 Status',
    CreatedAt: '6 Timestamp',
    CompletedAt: '7 Timestamp',
    ExporterResponse: '9 map string',
    pinned: '14 bool',
    numCachedSteps: '15 int32',
    numTotalSteps: '16 int32',
    numCompletedSteps: '17 int32',
    numWarnings: '19 int32',
  },
  BuildHistoryEvent: { type: '1 int32', record: '2 BuildHistoryRecord' },
  UpdateBuildHistoryRequest: { Ref: '1 string', Pinned: '2 bool', Delete: '3 bool', Finalize: '4 bool' },
  Reference: { id: '1 string', def: '2 Definition' },
  References: { refs: '1 map Reference' },
  Result: { ref: '3 Reference', refs: '4 References', metadata: '10 map bytes' },
  BridgeSolveResponse: { ref: '1 string', result: '3 Result' },
  ReturnRequest: { result: '1 Result', error: '2 Status' },
  InputsResponse: { Definitions: '1 map Definition' },
  ReadFileRequest: { Ref: '1 string', FilePath: '2 string', Range: '3 FileRange' },
  FileRange: { Offset: '1 int64', Length: '2 int64' },
  ReadDirectoryRequest: { Ref: '1 string', DirPath: '2 string', IncludePattern: '3 string' },
  ReadDirectoryResponse: { entries: '1 Stat[]' },
  StatFileRequest: { Ref: '1 string', Path: '2 string' },
  StatFileResponse: { stat: '1 Stat' },
  ResolveImageRequest: { Ref: '1 string', Platform: '2 Platform', ResolveMode: '3 string', LogName: '4 string' },
  ResolveImageResponse: { Digest: '1 string', Config: '2 bytes', Ref: '3 string' },
  ResolveSourceRequest: {
    Source: '1 SourceOperation',
    Platform: '2 Platform',
    LogName: '3 string',
    ResolveMode: '4 string',
  },
  ResolveSourceResponse: { Source: '1 SourceOperation', Image: '2 ResolveImageResponse' },
  WarnRequest: {
    digest: '1 string',
    level: '2 int64',
    short: '3 bytes',
    detail: '4 bytes[]',
    url: '5 string',
    info: '6 SourceInfo',
    ranges: '7 Range[]',
  },
  Stat: {
    path: '1 string',
    mode: '2 uint32',
    uid: '3 uint32',
    gid: '4 uint32',
    size: '5 int64',
    modTime: '6 int64',
    linkname: '7 string',
    devmajor: '8 int64',
    devminor: '9 int64',
    xattrs: '10 map bytes',
  },
  Packet: { type: '1 uint32', stat: '2 Stat', ID: '3 uint32', data: '4 bytes' },
  CredentialsRequest: { Host: '1 string' },
  CredentialsResponse: { Username: '1 string', Secret: '2 string' },
  GetSecretRequest: { ID: '1 string' },
  GetSecretResponse: { data: '1 bytes' },
  ContentInfoRequest: { digest: '1 string' },
  ContentInfo: { digest: '1 string', size: '2 int64' },
  ContentInfoResponse: { info: '1 ContentInfo' },
  ReadContentRequest: { digest: '1 string', offset: '2 int64', size: '3 int64' },
  ReadContentResponse: { offset: '1 int64', data: '2 bytes' },
  WriteContentRequest: {
    action: '1 int32',
    ref: '2 string',
    total: '3 int64',
    expected: '4 string',
    offset: '5 int64',
    data: '6 bytes',
  },
  CheckAgentRequest: { ID: '1 string' },
  BytesMessage: { data: '1 bytes' },
};

function fieldOf(text: string): object {
  const [id = '0', ...words] = text.split(' ');
  const type = words.at(-1) ?? '';
  if (words[0] === 'map') return { id: Number(id), keyType: 'string', type };
  if (type.endsWith('[]')) return { id: Number(id), rule: 'repeated', type: type.slice(0, -2) };
  return { id: Number(id), type };
}

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { fields: Object.fromEntries(Object.entries(shape).map(([field, text]) => [field, fieldOf(text)])) },
    ]),
  ),
} as protobuf.INamespace);

/** The bytes of a message. */
export const encode = (name: string, value: object): Uint8Array => {
  const type = root.lookupType(name);
  return type.encode(type.fromObject(value)).finish();
};

/** A message with every field there; numbers are numbers. The caller says which type it is by its shape above. */
export function decode<T>(name: string, bytes: Uint8Array): T {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { longs: Number, arrays: true, objects: true, defaults: true }) as T;
}

export interface Timestamp {
  seconds: number;
  nanos: number;
}

export const timestampOf = (date: Date): Timestamp => {
  const ms = date.getTime();
  return { seconds: Math.floor(ms / 1000), nanos: (((ms % 1000) + 1000) % 1000) * 1e6 };
};
