/** Namespaces, as clients manage them: plain values instead of messages of the protocol. */
import { type Namespace, NamespaceState, SearchAttributeType } from '@perdure/proto/perdure/api/v1/namespace';
import { type Duration, durationToProto, protoToMs } from '../common/duration.ts';
import { withRetry } from '../common/retry.ts';
import type { SearchAttributeTypeName } from '../common/search-attribute.ts';
import { orClientError } from './errors.ts';
import { retryContext, type Wire } from './wire.ts';

/** What can be set in a namespace. What is left out stays, or has its default in a new one. */
export interface NamespaceSettings {
  /** How long closed runs are kept: 1 h to 10 years. Default 7 days. */
  retention?: Duration;
  /** Search attributes to declare, beside those that are; a type never changes. */
  searchAttributes?: Readonly<Record<string, SearchAttributeTypeName>>;
  /** Client calls per second at each node, and bytes of all payloads of one event; 0 is no limit of its own. */
  limits?: { readonly requestsPerSecond?: number; readonly eventPayloadBytes?: number };
  description?: string;
  owner?: string;
  /** Labels to set, beside those that are there. */
  labels?: Readonly<Record<string, string>>;
}

export interface NamespaceDescription {
  readonly name: string;
  readonly namespaceId: string;
  readonly state: 'active' | 'deleting';
  readonly description: string;
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Ms. */
  readonly retention: number;
  readonly limits: { readonly requestsPerSecond: number; readonly eventPayloadBytes: number };
  readonly searchAttributes: Readonly<Record<string, SearchAttributeTypeName>>;
}

/** Rejections are ServiceErrors: NAMESPACE_NOT_FOUND, NAMESPACE_EXISTS, NAMESPACE_IN_USE, BAD_FIELD … */
export interface Namespaces {
  create(name: string, settings?: NamespaceSettings): Promise<NamespaceDescription>;
  describe(name?: string): Promise<NamespaceDescription>;
  /** Changes what is given; `removeLabels` names labels to take away. */
  update(name: string, settings: NamespaceSettings & { removeLabels?: readonly string[] }): Promise<NamespaceDescription>;
  list(): AsyncIterableIterator<NamespaceDescription>;
  /** Begins to delete; refused with NAMESPACE_IN_USE while runs are open, unless they may be terminated. */
  delete(name: string, options?: { terminateOpenRuns?: boolean }): Promise<void>;
}

const TYPES: Readonly<Record<SearchAttributeTypeName, SearchAttributeType>> = {
  keyword: SearchAttributeType.KEYWORD,
  keywordList: SearchAttributeType.KEYWORD_LIST,
  int: SearchAttributeType.INT,
  double: SearchAttributeType.DOUBLE,
  bool: SearchAttributeType.BOOL,
  datetime: SearchAttributeType.DATETIME,
};

export function createNamespaces(wire: Wire): Namespaces {
  const { api, closed: abort } = wire;
  const ask = <T>(work: () => Promise<T>): Promise<T> => orClientError('', withRetry(retryContext(wire), work));
  return {
    create: async (name, settings = {}) => {
      const { description = '', owner = '' } = settings;
      const request = { name, ...common(settings), description, owner };
      return described((await ask(() => api.createNamespace(request, { abort }))).namespace);
    },
    describe: async (name = wire.namespace) => described((await ask(() => api.describeNamespace({ name }, { abort }))).namespace),
    update: async (name, settings) => {
      const { description, owner, removeLabels = [] } = settings;
      const request = { name, ...common(settings), description, owner, removeLabels: [...removeLabels] };
      return described((await ask(() => api.updateNamespace(request, { abort }))).namespace);
    },
    list: async function* () {
      let pageToken: Uint8Array = new Uint8Array(0);
      do {
        const request = { pageSize: 0, pageToken };
        const page = await ask(() => api.listNamespaces(request, { abort }));
        yield* page.namespaces.map(described);
        pageToken = page.nextPageToken;
      } while (pageToken.length > 0);
    },
    delete: async (name, { terminateOpenRuns = false } = {}) => {
      await ask(() => api.deleteNamespace({ name, terminateOpenRuns }, { abort }));
    },
  };
}

function common({ labels, retention, limits, searchAttributes }: NamespaceSettings) {
  return {
    labels: { ...labels },
    retention: durationToProto(retention, 'retention'),
    limits: limits && { requestsPerSecond: limits.requestsPerSecond ?? 0, eventPayloadBytes: BigInt(limits.eventPayloadBytes ?? 0) },
    searchAttributes: Object.fromEntries(Object.entries(searchAttributes ?? {}).map(([name, type]) => [name, typeOf(name, type)])),
  };
}

function typeOf(name: string, type: SearchAttributeTypeName): SearchAttributeType {
  const found = TYPES[type];
  if (found === undefined) throw new TypeError(`searchAttributes.${name}: "${type}" is not one of ${Object.keys(TYPES).join(', ')}`);
  return found;
}

function described(namespace: Namespace | undefined): NamespaceDescription {
  if (!namespace) throw new Error('the service answered without a namespace');
  const { name, namespaceId, state, description, owner, labels, retention, limits, searchAttributes } = namespace;
  const names = Object.keys(TYPES) as SearchAttributeTypeName[];
  const typed = Object.entries(searchAttributes).flatMap(([attribute, type]) =>
    names.filter((one) => TYPES[one] === type).map((one) => [attribute, one] as const),
  );
  return {
    ...{ name, namespaceId, description, owner, labels, retention: protoToMs(retention) ?? 0 },
    state: state === NamespaceState.DELETING ? 'deleting' : 'active',
    limits: { requestsPerSecond: limits?.requestsPerSecond ?? 0, eventPayloadBytes: Number(limits?.eventPayloadBytes ?? 0n) },
    searchAttributes: Object.fromEntries(typed),
  };
}
