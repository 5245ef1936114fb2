/** Signs of life and deadlines of all running attempts: one timer for all, one call for all that are due. */

import type { ActivityHeartbeat, ActivityHeartbeatResult } from '@perdure/proto/perdure/api/v1/worker_service';
import type { ClockTimer } from '../common/clock.ts';
import { encodeMessage, hasCodecs } from '../common/data-converter.ts';
import { CancelledFailure, TimeoutFailure } from '../common/failure.ts';
import { encodeValue } from '../common/payload-converter.ts';
import { backoff } from '../common/retry.ts';
import { Code, isTransient, itemRefusal, type Refusal, refusalOf } from '../common/service-error.ts';
import { roughBytes } from '../common/size.ts';
import { type Attempt, beatDue, stopAttempt } from './attempt.ts';
import type { Link } from './link.ts';

/** A lost heartbeat must leave time for another one: a call may take as long as the shortest interval in it, within these bounds. */
const MAX_DEADLINE_MS = 10_000;
const MIN_DEADLINE_MS = 500;
/** One that was lost goes again soon: the attempt may have been silent for a good part of its timeout. */
const LOST_RETRY = { initialIntervalMs: 200, maximumIntervalMs: 2_000 };
/** The service's limits of one request, with room for what is estimated, and of one payload. */
const MAX_ITEMS = 1_000;
const MAX_BYTES = 3 * 1024 * 1024;
const MAX_DETAILS_BYTES = 2 * 1024 * 1024;
/** Calls before the end of an attempt, the one in flight included. Details are a hint to the next attempt, not worth waiting for ever. */
const FLUSH_TRIES = 3;

export interface Heartbeats {
  add(attempt: Attempt): void;
  delete(attempt: Attempt): void;
  /** Details were reported, or something else changed that may be due earlier. */
  refresh(attempt: Attempt): void;
  /** Sends details that were reported and not sent yet. Never rejects. */
  flush(attempt: Attempt): Promise<void>;
  close(): void;
}

export function createHeartbeats(link: Link): Heartbeats {
  const { clock } = link;
  const running = new Set<Attempt>();
  let timer: ClockTimer | undefined;
  let armedFor = Number.POSITIVE_INFINITY;

  const arm = (at: number): void => {
    if (at >= armedFor || link.abandoned.aborted) return;
    timer?.cancel();
    armedFor = at;
    timer = clock.setTimer(Math.max(1, Math.ceil(at - clock.monotonic())), tick);
  };
  const armFor = (attempt: Attempt): void => arm(nextDue(attempt));
  const tick = (): void => {
    timer = undefined;
    armedFor = Number.POSITIVE_INFINITY;
    const now = clock.monotonic();
    const due: Attempt[] = [];
    for (const attempt of running) {
      if (attempt.deadline <= now && !attempt.stopped) stopAtDeadline(attempt, link);
      if (beatDue(attempt) <= now) due.push(attempt);
    }
    for (let at = 0; at < due.length; at += MAX_ITEMS) void beatTogether(due.slice(at, at + MAX_ITEMS));
    for (const attempt of running) armFor(attempt);
  };
  const beatTogether = (attempts: readonly Attempt[]): Promise<void> => {
    const landed = beat(link, attempts).then(() => {
      for (const attempt of attempts) {
        attempt.beat = undefined;
        if (running.has(attempt)) armFor(attempt);
      }
    });
    for (const attempt of attempts) attempt.beat = landed;
    return landed;
  };
  return {
    add(attempt) {
      running.add(attempt);
      armFor(attempt);
    },
    delete(attempt) {
      running.delete(attempt);
      if (running.size > 0) return;
      timer?.cancel();
      timer = undefined;
      armedFor = Number.POSITIVE_INFINITY;
    },
    refresh: armFor,
    async flush(attempt) {
      for (let tries = 0; tries < FLUSH_TRIES && (attempt.beat || attempt.details); tries += 1) {
        await (attempt.beat ?? beatTogether([attempt]));
      }
    },
    close() {
      running.clear();
      timer?.cancel();
    },
  };
}

function nextDue(attempt: Attempt): number {
  return Math.min(beatDue(attempt), attempt.stopped ? Number.POSITIVE_INFINITY : attempt.deadline);
}

function stopAtDeadline(attempt: Attempt, link: Link): void {
  const { activityType, activityId, execution } = attempt.task;
  stopAttempt(attempt, 'deadline', new TimeoutFailure('the time limit of the attempt is reached', 'startToClose'));
  link.log('warn', 'an activity ran into its time limit; its slot is taken until its function ends', {
    activityType,
    activityId,
    workflowId: execution?.workflowId,
    runId: execution?.runId,
  });
}

/** One call for several attempts, or more where their details are large. Never rejects: what failed is due again. */
async function beat(link: Link, attempts: readonly Attempt[]): Promise<void> {
  const beats: Beat[] = attempts.map((attempt) => {
    const { details } = attempt;
    attempt.details = undefined;
    attempt.lastBeat = link.clock.monotonic();
    attempt.beatAgainAt = Number.POSITIVE_INFINITY;
    return { attempt, details, heartbeat: heartbeatOf(link, attempt, details) };
  });
  const heartbeats = beats.map(({ heartbeat }) => heartbeat);
  // Without its details a sign of life is still one.
  if (hasCodecs(link.dataConverter))
    await encodeMessage(link.dataConverter, heartbeats).catch((error: unknown) => leaveOut(link, heartbeats, error));
  for (const { heartbeat, attempt } of beats) limitDetails(link, attempt, heartbeat);
  await Promise.all(split(beats).map((part) => send(link, part)));
}

/** What one attempt says. */
interface Beat {
  readonly attempt: Attempt;
  readonly details: Attempt['details'];
  readonly heartbeat: ActivityHeartbeat;
}

function leaveOut(link: Link, heartbeats: readonly ActivityHeartbeat[], error: unknown): void {
  link.log('error', 'heartbeat details are left out', { error: String(error) });
  for (const heartbeat of heartbeats) heartbeat.details = undefined;
}

/** Refused for the details of one, a request would end the signs of life of all. */
function limitDetails(link: Link, attempt: Attempt, heartbeat: ActivityHeartbeat): void {
  const bytes = roughBytes(heartbeat.details);
  if (bytes <= MAX_DETAILS_BYTES) return;
  const { activityType, activityId } = attempt.task;
  link.log('error', `heartbeat details of ${bytes} bytes are left out, the limit is ${MAX_DETAILS_BYTES}`, { activityType, activityId });
  heartbeat.details = undefined;
}

function split(beats: readonly Beat[]): Beat[][] {
  const parts: Beat[][] = [];
  let room = 0;
  for (const beat of beats) {
    const bytes = roughBytes(beat.heartbeat);
    if (bytes > room || parts.length === 0) {
      parts.push([]);
      room = MAX_BYTES;
    }
    parts.at(-1)?.push(beat);
    room -= bytes;
  }
  return parts;
}

async function send(link: Link, beats: readonly Beat[]): Promise<void> {
  const { api, namespace, info: worker, receipts, abandoned: abort } = link;
  const receivedAnswerIds = receipts.take();
  const shortest = Math.min(...beats.map(({ attempt }) => attempt.aliveEvery));
  const deadlineMs = Math.min(MAX_DEADLINE_MS, Math.max(MIN_DEADLINE_MS, shortest));
  try {
    const heartbeats = beats.map(({ heartbeat }) => heartbeat);
    const { results } = await api.heartbeatActivities({ namespace, worker, heartbeats, receivedAnswerIds }, { deadlineMs, abort });
    link.succeeded();
    for (const [index, beat] of beats.entries()) {
      const result = results[index];
      if (result) learn(link, beat, result);
    }
  } catch (error) {
    receipts.giveBack(receivedAnswerIds);
    const refusal: Refusal | undefined = refusalOf(error);
    if (beats.length > 1 && refusal?.code === Code.INVALID_ARGUMENT) {
      // Refused for one of them, perhaps: the others must not fall silent.
      const middle = Math.ceil(beats.length / 2);
      await Promise.all([send(link, beats.slice(0, middle)), send(link, beats.slice(middle))]);
      return;
    }
    if (refusal && isTransient(refusal)) {
      link.failed(refusal);
      for (const beat of beats) lost(link, beat, refusal.retryAfterMs);
      return;
    }
    if (!abort.aborted) link.log('error', 'heartbeats were refused', { error: String(error) });
    // Perhaps for their details: the next sign of life goes without.
    if (refusal?.code !== Code.INVALID_ARGUMENT) for (const { attempt, details } of beats) attempt.details ??= details;
  }
}

function lost({ clock }: Link, { attempt, details }: Beat, retryAfterMs: number | undefined): void {
  attempt.details ??= details;
  attempt.lostBeats += 1;
  attempt.beatAgainAt = clock.monotonic() + backoff(clock, LOST_RETRY, attempt.lostBeats, retryAfterMs);
}

function heartbeatOf(link: Link, attempt: Attempt, details: Attempt['details']): ActivityHeartbeat {
  const { token, activityType } = attempt.task;
  if (!details) return { token, details: undefined, activity: undefined };
  try {
    return { token, details: encodeValue(link.converter, details.value, `heartbeat details of ${activityType}`), activity: undefined };
  } catch (error) {
    link.log('error', 'heartbeat details are left out', { error: String(error) });
    return { token, details: undefined, activity: undefined };
  }
}

function learn(link: Link, beat: Beat, result: ActivityHeartbeatResult): void {
  const { attempt } = beat;
  if (!result.error || result.error.code === 0) {
    attempt.lostBeats = 0;
    if (result.cancelRequested) stopAttempt(attempt, 'cancel', new CancelledFailure('the workflow cancelled the activity'));
    else if (result.paused) stopAttempt(attempt, 'paused', new CancelledFailure('an operator has paused the activity'));
    else if (result.reset) stopAttempt(attempt, 'reset', new CancelledFailure('an operator has reset the activity'));
    return;
  }
  const refusal = itemRefusal(result.error);
  if (isTransient(refusal)) lost(link, beat, refusal.retryAfterMs);
  else if (refusal.code === Code.INVALID_ARGUMENT)
    link.log('error', 'a heartbeat was refused', { activityType: attempt.task.activityType, error: refusal.message });
  else stopAttempt(attempt, 'unwanted', new CancelledFailure(`the attempt is no longer wanted: ${refusal.message}`));
}
