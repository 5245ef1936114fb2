/**
 * Tokens that workers and clients carry for the service: opaque to them, signed so that nobody else can make one.
 * Pure, given the key. The MAC covers the kind as well, so that a token of one kind never passes for another.
 */
import { timingSafeEqual } from 'node:crypto';
import { ActivityTaskToken, PageToken, SignedToken, WorkflowTaskToken } from '@perdure/proto/perdure/server/v1/token';
import { encode } from './core/encode.ts';
import { PerdureError } from './errors.ts';
import { hmac } from './mac.ts';

/** Bytes of the MAC: as much as HMAC-SHA256 cut in half, as its standard allows. */
const MAC_BYTES = 16;
/** Ids are at most 1 000 bytes each; anything longer was not made here and is not worth hashing. */
const MAX_TOKEN_BYTES = 4_096;

type Kind = NonNullable<SignedToken['body']>['$case'];

const KIND_BYTES: Record<Kind, Uint8Array> = {
  workflowTask: Uint8Array.of(2),
  activityTask: Uint8Array.of(3),
  page: Uint8Array.of(4),
};

/** What a verified token says. */
export type OpenedToken =
  | { readonly kind: 'workflowTask'; readonly token: WorkflowTaskToken }
  | { readonly kind: 'activityTask'; readonly token: ActivityTaskToken }
  | { readonly kind: 'page'; readonly token: PageToken };

/**
 * Tokens signed lately, by their MAC: most come back soon, and need then neither be verified nor read again. Two
 * generations: what was not asked for in the time of one goes.
 */
interface Recent {
  young: Map<string, Remembered>;
  old: Map<string, Remembered>;
}

interface Remembered {
  readonly bytes: Uint8Array;
  readonly opened: OpenedToken;
}

const GENERATION = 8_192;
/** The MAC is the first field: its place in the bytes of a token. */
const MAC_AT = 2;

const recent = new WeakMap<Uint8Array, Recent>();

function remember(key: Uint8Array, bytes: Uint8Array, opened: OpenedToken): void {
  let kept = recent.get(key);
  if (kept === undefined) {
    kept = { young: new Map(), old: new Map() };
    recent.set(key, kept);
  }
  if (kept.young.size >= GENERATION) {
    kept.old = kept.young;
    kept.young = new Map();
  }
  kept.young.set(macText(bytes), { bytes, opened });
}

function recall(key: Uint8Array, bytes: Uint8Array): OpenedToken | undefined {
  const kept = recent.get(key);
  if (kept === undefined || bytes.length < MAC_AT + MAC_BYTES) return undefined;
  const mac = macText(bytes);
  const known = kept.young.get(mac) ?? kept.old.get(mac);
  return known !== undefined && Buffer.compare(known.bytes, bytes) === 0 ? known.opened : undefined;
}

function macText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', MAC_AT, MAC_AT + MAC_BYTES);
}

/** The bytes of a workflow task's token. */
export function signWorkflowToken(key: Uint8Array, token: WorkflowTaskToken): Uint8Array {
  const bytes = sign(key, { $case: 'workflowTask', value: encode(WorkflowTaskToken, token) });
  remember(key, bytes, { kind: 'workflowTask', token });
  return bytes;
}

/** The bytes of an activity task's token. */
export function signActivityToken(key: Uint8Array, token: ActivityTaskToken): Uint8Array {
  const bytes = sign(key, { $case: 'activityTask', value: encode(ActivityTaskToken, token) });
  remember(key, bytes, { kind: 'activityTask', token });
  return bytes;
}

/** The bytes of a page token. */
export function signPageToken(key: Uint8Array, token: PageToken): Uint8Array {
  return sign(key, { $case: 'page', value: encode(PageToken, token) });
}

/** Verifies and reads a token of any kind. Throws BAD_TOKEN naming `field`. */
export function openToken(key: Uint8Array, bytes: Uint8Array, field = 'token'): OpenedToken {
  if (bytes.length === 0 || bytes.length > MAX_TOKEN_BYTES) throw badToken(field);
  const known = recall(key, bytes);
  if (known !== undefined) return known;
  try {
    const signed = SignedToken.decode(bytes);
    const body = signed.body;
    if (body === undefined || signed.mac.length !== MAC_BYTES || !timingSafeEqual(signed.mac, mac(key, body.$case, body.value))) {
      throw badToken(field);
    }
    switch (body.$case) {
      case 'workflowTask':
        return { kind: 'workflowTask', token: WorkflowTaskToken.decode(body.value) };
      case 'activityTask':
        return { kind: 'activityTask', token: ActivityTaskToken.decode(body.value) };
      case 'page':
        return { kind: 'page', token: PageToken.decode(body.value) };
    }
  } catch (error) {
    // Bytes that are no message at all are as foreign as those with another MAC.
    throw error instanceof PerdureError ? error : badToken(field);
  }
}

/** Verifies a workflow task's token. Throws BAD_TOKEN naming `field`. */
export function openWorkflowToken(key: Uint8Array, bytes: Uint8Array, field = 'token'): WorkflowTaskToken {
  const opened = openToken(key, bytes, field);
  if (opened.kind !== 'workflowTask') throw badToken(field);
  return opened.token;
}

/** Verifies an activity task's token. Throws BAD_TOKEN naming `field`. */
export function openActivityToken(key: Uint8Array, bytes: Uint8Array, field = 'token'): ActivityTaskToken {
  const opened = openToken(key, bytes, field);
  if (opened.kind !== 'activityTask') throw badToken(field);
  return opened.token;
}

/** Verifies a page token. Throws BAD_TOKEN naming `field`. */
export function openPageToken(key: Uint8Array, bytes: Uint8Array, field = 'page_token'): PageToken {
  const opened = openToken(key, bytes, field);
  if (opened.kind !== 'page') throw badToken(field);
  return opened.token;
}

/** The refusal; it does not say which check failed, so that nothing can be learned by trying. */
export function badToken(field: string): PerdureError {
  return new PerdureError('BAD_TOKEN', `${field}: not a token of this service for this call`, { field });
}

function sign(key: Uint8Array, body: NonNullable<SignedToken['body']>): Uint8Array {
  return encode(SignedToken, { mac: mac(key, body.$case, body.value), body });
}

function mac(key: Uint8Array, kind: Kind, body: Uint8Array): Uint8Array {
  return hmac(key, KIND_BYTES[kind], body).subarray(0, MAC_BYTES);
}
