// Answers of the sandbox as the worker gets them: decoded, with places mapped to the user's sources.

import { QueryTaskCompletion, WorkflowTaskCompletion, WorkflowTaskFailure } from '@perdure/proto/perdure/api/v1/worker_service';
import type { EngineAnswer, WorkflowBundle } from '../worker/engine.ts';
import type { CoreAnswer } from './core.ts';
import { createStackMapper } from './stack-map.ts';

export function createAnswerReader(bundle: WorkflowBundle): (answer: CoreAnswer) => EngineAnswer {
  const mapper = createStackMapper(bundle);
  return (answer) => {
    switch (answer.kind) {
      case 'needHistory':
      case 'returned':
        return answer;
      case 'completed': {
        const completion = WorkflowTaskCompletion.decode(answer.bytes);
        mapper.completion(completion);
        return { kind: 'completed', completion };
      }
      case 'queries': {
        const results = QueryTaskCompletion.decode(answer.bytes).queryResults;
        mapper.results(results);
        return { kind: 'queries', results };
      }
      case 'failed': {
        const { cause, failure } = WorkflowTaskFailure.decode(answer.bytes);
        const empty = { message: '', stackTrace: '', source: '', cause: undefined, encodedAttributes: undefined, info: undefined };
        return { kind: 'failed', cause, failure: mapper.failure(failure ?? empty) };
      }
    }
  };
}
