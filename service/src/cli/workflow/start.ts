/** `perdure workflow start`, and the flags of every start. */
import type { RetryPolicy } from '@perdure/proto/perdure/api/v1/common';
import { ConflictPolicy, ReusePolicy } from '@perdure/proto/perdure/api/v1/workflow';
import type { StartWorkflowRequest } from '@perdure/proto/perdure/api/v1/workflow_service';
import { createRealEnv } from '../../env-real.ts';
import { choiceFlag, durationFlag, inputFlags, memoFlags, searchAttributeFlags } from '../input.ts';
import { EXIT } from '../outcome.ts';
import { formatFields } from '../output/table.ts';
import type { CommonFlags } from './commands.ts';
import { awaitAndPrint } from './result.ts';
import { withSession } from './session.ts';

export interface StartFlags extends CommonFlags {
  readonly taskQueue: string;
  readonly id?: string;
  readonly input?: string[];
  readonly inputFile?: string;
  readonly conflictPolicy?: string;
  readonly reusePolicy?: string;
  readonly runTimeout?: string;
  readonly executionTimeout?: string;
  readonly taskTimeout?: string;
  readonly startDelay?: string;
  readonly retryInitialInterval?: string;
  readonly retryMaximumInterval?: string;
  readonly retryBackoff?: number;
  readonly retryMaximumAttempts?: number;
  readonly cron?: string;
  readonly memo?: string[];
  readonly searchAttribute?: string[];
  readonly requestId?: string;
  readonly wait?: boolean;
}

const CONFLICT_POLICIES = {
  fail: ConflictPolicy.FAIL,
  'use-existing': ConflictPolicy.USE_EXISTING,
  'terminate-existing': ConflictPolicy.TERMINATE_EXISTING,
};
const REUSE_POLICIES = { allow: ReusePolicy.ALLOW, 'allow-failed-only': ReusePolicy.ALLOW_FAILED_ONLY, reject: ReusePolicy.REJECT };

/** A retry policy, if any of its flags is given. */
function retryFlags(flags: StartFlags): RetryPolicy | undefined {
  const { retryInitialInterval, retryMaximumInterval, retryBackoff, retryMaximumAttempts } = flags;
  if ([retryInitialInterval, retryMaximumInterval, retryBackoff, retryMaximumAttempts].every((flag) => flag === undefined))
    return undefined;
  return {
    initialInterval: durationFlag('--retry-initial-interval', retryInitialInterval),
    maximumInterval: durationFlag('--retry-maximum-interval', retryMaximumInterval),
    backoffCoefficient: retryBackoff ?? 0,
    maximumAttempts: retryMaximumAttempts ?? 0,
    nonRetryableErrorTypes: [],
  };
}

/** What the flags of a start ask for. Throws CommandError for a wrong one. */
export function startRequest(type: string, flags: StartFlags, conflictPolicy: ConflictPolicy): Omit<StartWorkflowRequest, 'identity'> {
  const { newId } = createRealEnv();
  return {
    namespace: flags.namespace,
    workflowId: flags.id ?? newId(),
    workflowType: type,
    taskQueue: flags.taskQueue,
    input: inputFlags(flags.input, flags.inputFile),
    header: undefined,
    requestId: flags.requestId ?? newId(),
    conflictPolicy: choiceFlag<ConflictPolicy>('--conflict-policy', flags.conflictPolicy, CONFLICT_POLICIES, conflictPolicy),
    reusePolicy: choiceFlag<ReusePolicy>('--reuse-policy', flags.reusePolicy, REUSE_POLICIES, ReusePolicy.ALLOW),
    runTimeout: durationFlag('--run-timeout', flags.runTimeout),
    executionTimeout: durationFlag('--execution-timeout', flags.executionTimeout),
    taskTimeout: durationFlag('--task-timeout', flags.taskTimeout),
    startDelay: durationFlag('--start-delay', flags.startDelay),
    retryPolicy: retryFlags(flags),
    cronSchedule: flags.cron ?? '',
    memo: memoFlags('--memo', flags.memo),
    searchAttributes: searchAttributeFlags('--search-attribute', flags.searchAttribute),
  };
}

export function start(type: string, flags: StartFlags): Promise<number> {
  const request = startRequest(type, flags, ConflictPolicy.FAIL);
  const { workflowId } = request;
  return withSession(flags, async (session) => {
    const { runId, started } = await session.rpc.startWorkflow({ ...request, identity: session.identity });
    if (flags.wait === true) return awaitAndPrint(session, { workflowId, runId }, undefined);
    if (session.output !== 'table') session.printJson({ workflowId, runId, started });
    else {
      session.print(started ? 'Started.\n' : 'Was there already.\n');
      session.print(formatFields([['workflow id', workflowId], ['run id', runId]])); // biome-ignore format: one line
    }
    return EXIT.ok;
  });
}
