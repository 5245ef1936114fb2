// Turns places in the bundle into places in the user's sources, in stacks, call sites and failures.

import { SourceMap, type SourceMapPayload } from 'node:module';
import type { Payload } from '@perdure/proto/perdure/api/v1/common';
import type { Failure } from '@perdure/proto/perdure/api/v1/failure';
import type { QueryResult } from '@perdure/proto/perdure/api/v1/query';
import type { WorkflowTaskCompletion } from '@perdure/proto/perdure/api/v1/worker_service';
import { ENCODING_JSON } from '../common/payload-converter.ts';
import type { WorkflowBundle } from '../worker/engine.ts';

export interface StackMapper {
  /** Replaces "workflows-….js:line:column" by the source's place wherever it occurs. */
  text(text: string): string;
  failure(failure: Failure): Failure;
  /** Changes call sites, failures and stack traces in place. */
  completion(completion: WorkflowTaskCompletion): void;
  results(results: readonly QueryResult[]): void;
}

export function createStackMapper(bundle: WorkflowBundle): StackMapper {
  const place = new RegExp(`${bundle.name.replaceAll('.', '\\.')}:(\\d+):(\\d+)`, 'g');
  const known = new Map<string, string>();
  let map: SourceMap | undefined;
  const lookUp = (whole: string, line: string, column: string): string => {
    map ??= new SourceMap(JSON.parse(bundle.sourceMap) as SourceMapPayload);
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!('originalSource' in entry)) return whole;
    return `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  };
  const text = (from: string): string =>
    from.replace(place, (whole, line: string, column: string) => {
      let to = known.get(whole);
      if (to === undefined) {
        to = lookUp(whole, line, column);
        known.set(whole, to);
      }
      return to;
    });
  const failure = (from: Failure): Failure => ({
    ...from,
    message: text(from.message),
    stackTrace: text(from.stackTrace),
    cause: from.cause && failure(from.cause),
    info:
      from.info?.$case === 'application'
        ? { $case: 'application', value: { ...from.info.value, details: from.info.value.details.map((one) => json(one, text)) } }
        : from.info,
  });
  const results = (list: readonly QueryResult[]): void => {
    for (const { outcome } of list) {
      if (outcome?.$case === 'failure') outcome.value = failure(outcome.value);
      else if (outcome?.$case === 'result') outcome.value = json(outcome.value, text);
    }
  };
  return {
    text,
    failure,
    results,
    completion(completion) {
      for (const { attributes } of completion.commands) {
        if (attributes === undefined) continue;
        if (attributes.$case === 'failWorkflow' && attributes.value.failure !== undefined) {
          attributes.value.failure = failure(attributes.value.failure);
        } else if (attributes.$case === 'completeUpdate') {
          const { outcome } = attributes.value;
          if (outcome?.$case === 'failure') outcome.value = failure(outcome.value);
        } else if ('callSite' in attributes.value) {
          // Nearly every activation has some, and they repeat: one look-up instead of a search.
          const { callSite } = attributes.value;
          attributes.value.callSite = known.get(callSite) ?? text(callSite);
        }
      }
      for (const rejection of completion.rejectedUpdates) rejection.failure = rejection.failure && failure(rejection.failure);
      results(completion.queryResults);
    },
  };
}

/** Places inside a JSON payload: the answer of the stack trace query, the details of a NondeterminismError. */
function json(payload: Payload, text: (from: string) => string): Payload {
  if (payload.encoding !== ENCODING_JSON || payload.data.length > 64 * 1024) return payload;
  const from = Buffer.from(payload.data).toString();
  const to = text(from);
  return to === from ? payload : { ...payload, data: Buffer.from(to) };
}
