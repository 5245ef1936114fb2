/** What people type, as protocol values. Errors are UsageErrors that name the flag. */
import { readFileSync } from 'node:fs';
import type { Duration } from '@perdure/proto/google/protobuf/duration';
import type { Payload, SearchAttributeValue } from '@perdure/proto/perdure/api/v1/common';
import { UsageError } from './outcome.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "30s", "1h30m", "500ms", "2d" → ms. */
export function parseDuration(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN), 0);
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text || !Number.isSafeInteger(Math.round(ms)))
    throw new UsageError(`${flag}: "${text}" is not a duration; write for example 500ms, 30s, 1h30m or 2d`);
  return Math.round(ms);
}

/** The same as a message; undefined when the flag was not given. */
export function durationFlag(flag: string, text: string | undefined): Duration | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(flag, text);
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1e6 };
}

/** One of the names; `fallback` when the flag was not given. */
export function choiceFlag<T>(flag: string, text: string | undefined, choices: Readonly<Record<string, T>>, fallback: T): T {
  if (text === undefined) return fallback;
  const choice = Object.hasOwn(choices, text) ? choices[text] : undefined;
  if (choice === undefined) throw new UsageError(`${flag}: "${text}" is not allowed; allowed: ${Object.keys(choices).join(', ')}`);
  return choice;
}

/** A whole number within bounds. */
export function numberFlag(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new UsageError(`${flag}: "${text}" is not a whole number from ${least} to ${most}`);
  return value;
}

/** Arguments from `--input` (one JSON value each) or from a file (a JSON array is the list of arguments, any other value the only one). */
export function inputFlags(inputs: readonly string[] | undefined, file: string | undefined): Payload[] {
  if (inputs !== undefined && file !== undefined) throw new UsageError('--input and --input-file cannot be given together');
  if (file === undefined) return (inputs ?? []).map((text) => jsonPayload('--input', text));
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(`--input-file: cannot read ${file}: ${(error as Error).message}`);
  }
  const value = parseJson('--input-file', text);
  return (Array.isArray(value) ? value : [value]).map((item) => toPayload(item));
}

/** `key=json`, repeated. */
export function memoFlags(flag: string, pairs: readonly string[] | undefined): Record<string, Payload> {
  return Object.fromEntries((pairs ?? []).map((pair) => splitPair(flag, pair)).map(([key, text]) => [key, jsonPayload(flag, text)]));
}

/** `key=json`, repeated: a string is a keyword (an RFC 3339 time a datetime), a list of strings a keyword list. */
export function searchAttributeFlags(flag: string, pairs: readonly string[] | undefined): Record<string, SearchAttributeValue> {
  return Object.fromEntries(
    (pairs ?? []).map((pair) => splitPair(flag, pair)).map(([key, text]) => [key, searchAttribute(flag, key, parseJson(flag, text))]),
  );
}

function searchAttribute(flag: string, key: string, value: unknown): SearchAttributeValue {
  if (typeof value === 'string')
    return { value: /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) ? { $case: 'datetime', value } : { $case: 'keyword', value } };
  if (typeof value === 'boolean') return { value: { $case: 'bool', value } };
  if (typeof value === 'number')
    return { value: Number.isSafeInteger(value) ? { $case: 'int', value: BigInt(value) } : { $case: 'double', value } };
  if (Array.isArray(value) && value.every((item) => typeof item === 'string'))
    return { value: { $case: 'keywordList', value: { values: value } } };
  throw new UsageError(`${flag}: ${key} must be a string, number, boolean or list of strings`);
}

function splitPair(flag: string, pair: string): [string, string] {
  const at = pair.indexOf('=');
  if (at <= 0) throw new UsageError(`${flag}: "${pair}" is not key=json, for example customer='"acme"'`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function jsonPayload(flag: string, text: string): Payload {
  return toPayload(parseJson(flag, text));
}

function toPayload(value: unknown): Payload {
  return { encoding: 'json/plain', data: Buffer.from(JSON.stringify(value)), metadata: {} };
}

function parseJson(flag: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    throw new UsageError(`${flag}: ${shown} is not JSON (${(error as Error).message}); a string needs its quotes: '"text"'`);
  }
}
