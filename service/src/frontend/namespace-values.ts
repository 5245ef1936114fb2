/** Namespaces as the protocol writes them, and the checks of what is set in one. */
import {
  type CreateNamespaceRequest,
  type Namespace,
  type NamespaceLimits,
  NamespaceState,
  SearchAttributeType,
  type UpdateNamespaceRequest,
} from '@perdure/proto/perdure/api/v1/namespace';
import {
  DEFAULT_RETENTION_MS,
  MAX_ATTRIBUTE_NAME_BYTES,
  MAX_DECLARED_ATTRIBUTES,
  MAX_EVENT_PAYLOAD_BYTES,
  MAX_ID_BYTES,
  MAX_NAMESPACE_LABELS,
  MAX_NAMESPACE_LABELS_BYTES,
  MAX_NAMESPACE_NAME,
  MAX_RETENTION_MS,
  MIN_RETENTION_MS,
} from '../core/limits.ts';
import { toDuration } from '../core/time.ts';
import { builtInFieldInAnyCase, type ValueType } from '../core/visibility-fields.ts';
import { badField, tooLarge } from '../errors.ts';
import type { NamespaceConfig, NamespaceRow } from '../store/store.ts';
import { boundText, durationMs } from './validate.ts';

const NAME = /^[a-z0-9][a-z0-9._-]*$/;
const ATTRIBUTE_NAME = /^[\p{L}_][\p{L}\p{N}_.]*$/u;
/** Words that filters know. */
const KEYWORDS = new Set([
  'and',
  'or',
  'not',
  'in',
  'between',
  'is',
  'null',
  'starts_with',
  'order',
  'by',
  'asc',
  'desc',
  'now',
  'true',
  'false',
]);

const TYPES: readonly (readonly [ValueType, SearchAttributeType])[] = [
  ['keyword', SearchAttributeType.KEYWORD],
  ['keywordList', SearchAttributeType.KEYWORD_LIST],
  ['int', SearchAttributeType.INT],
  ['double', SearchAttributeType.DOUBLE],
  ['bool', SearchAttributeType.BOOL],
  ['datetime', SearchAttributeType.DATETIME],
];

type Settings = Partial<UpdateNamespaceRequest> & Pick<CreateNamespaceRequest, 'labels' | 'retention' | 'limits' | 'searchAttributes'>;

/** A name that may be created. */
export function requireName(name: string): string {
  if (name.length > MAX_NAMESPACE_NAME) throw tooLarge('name', name.length, MAX_NAMESPACE_NAME, 'characters');
  if (!NAME.test(name)) {
    throw badField('name', `${JSON.stringify(name)} is none: use a-z, 0-9, ".", "_" and "-", beginning with a letter or digit`);
  }
  return name;
}

/** What is set, with the changes of a request. Throws BAD_FIELD and TOO_LARGE. */
export function changedConfig(config: NamespaceConfig, request: Settings): NamespaceConfig {
  return {
    ...config,
    description: request.description === undefined ? config.description : boundText('description', request.description),
    owner: request.owner === undefined ? config.owner : boundText('owner', request.owner, MAX_ID_BYTES),
    labels: changedLabels(config.labels, request),
    ...(request.limits === undefined ? {} : checkedLimits(request.limits)),
    searchAttributes: withDeclared(config.searchAttributes, request.searchAttributes),
  };
}

/** Ms; `ifAbsent` when the request does not say. */
export function retentionMsOf(request: Settings, ifAbsent: number = DEFAULT_RETENTION_MS): number {
  if (request.retention === undefined) return ifAbsent;
  const ms = durationMs('retention', request.retention, MAX_RETENTION_MS);
  if (ms < MIN_RETENTION_MS) throw badField('retention', `${ms / 1_000} s, the least is ${MIN_RETENTION_MS / 1_000} s`);
  return ms;
}

function changedLabels(before: NamespaceConfig['labels'], { labels, removeLabels }: Settings): NamespaceConfig['labels'] {
  const removed = new Set(removeLabels);
  const entries = Object.entries({ ...before, ...labels }).filter(([key]) => !removed.has(key));
  if (entries.length > MAX_NAMESPACE_LABELS) throw tooLarge('labels', entries.length, MAX_NAMESPACE_LABELS, 'keys');
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > MAX_NAMESPACE_LABELS_BYTES) throw tooLarge('labels', bytes, MAX_NAMESPACE_LABELS_BYTES);
  return Object.fromEntries(entries);
}

function checkedLimits({ requestsPerSecond, eventPayloadBytes }: NamespaceLimits): Partial<NamespaceConfig> {
  if (!(requestsPerSecond >= 0 && requestsPerSecond <= 1e9)) {
    throw badField('limits.requests_per_second', `${requestsPerSecond} is not within 0 and 1000000000`);
  }
  const bytes = Number(eventPayloadBytes);
  if (bytes < 0) throw badField('limits.event_payload_bytes', `${bytes} is negative`);
  if (bytes > MAX_EVENT_PAYLOAD_BYTES) throw tooLarge('limits.event_payload_bytes', bytes, MAX_EVENT_PAYLOAD_BYTES);
  return { requestsPerSecond, eventPayloadBytes: bytes };
}

/** Types never change: stored values would no longer be what they are said to be. */
function withDeclared(
  before: NamespaceConfig['searchAttributes'],
  added: Readonly<Record<string, SearchAttributeType>>,
): NamespaceConfig['searchAttributes'] {
  const declared: Record<string, ValueType> = { ...before };
  for (const [name, given] of Object.entries(added)) {
    const field = `search_attributes[${JSON.stringify(name.slice(0, MAX_ATTRIBUTE_NAME_BYTES))}]`;
    boundText(field, name, MAX_ATTRIBUTE_NAME_BYTES);
    if (!ATTRIBUTE_NAME.test(name)) throw badField(field, 'the name must be letters, digits, "_" and ".", and begin with a letter or "_"');
    if (builtInFieldInAnyCase(name) !== undefined || KEYWORDS.has(name.toLowerCase())) {
      throw badField(field, 'the name has a meaning in filters already');
    }
    const type = TYPES.find(([, value]) => value === given)?.[0];
    if (type === undefined) throw badField(field, `${given} is no type this service knows`);
    const known = Object.hasOwn(before, name) ? before[name] : undefined;
    if (known !== undefined && known !== type) throw badField(field, `is declared as ${known} and cannot become ${type}`);
    declared[name] = type;
  }
  const count = Object.keys(declared).length;
  if (count > MAX_DECLARED_ATTRIBUTES) throw tooLarge('search_attributes', count, MAX_DECLARED_ATTRIBUTES, 'keys');
  return declared;
}

/** As the protocol shows it. */
export function toNamespace({ name, namespaceId, retentionMs, config }: NamespaceRow): Namespace {
  return {
    name,
    namespaceId,
    state: config.deletingSince === null ? NamespaceState.ACTIVE : NamespaceState.DELETING,
    description: config.description,
    owner: config.owner,
    labels: { ...config.labels },
    retention: toDuration(retentionMs),
    limits: { requestsPerSecond: config.requestsPerSecond, eventPayloadBytes: BigInt(config.eventPayloadBytes) },
    searchAttributes: Object.fromEntries(
      Object.entries(config.searchAttributes).map(([attribute, type]) => [
        attribute,
        TYPES.find(([known]) => known === type)?.[1] ?? SearchAttributeType.UNSPECIFIED,
      ]),
    ),
  };
}
