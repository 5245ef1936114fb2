/** Trying again after the database rolled a statement back. */
import { setTimeout as delay } from 'node:timers/promises';

/** After this many rollbacks of the same statement something else is wrong. */
export const TRIES = 10;
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 500;

/** Waits a random part of a time that doubles, so that two statements in each other's way part. */
export async function pauseBeforeRetry(attempt: number): Promise<void> {
  await delay(Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt));
}
