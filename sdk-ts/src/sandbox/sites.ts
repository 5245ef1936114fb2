// Stacks inside the sandbox: places of steps, and errors whose stacks show the user's frames only.
//
// Frames of the host must not be seen: they differ from process to process and between live and replay, and user code can read them.

import type { Site } from '../workflow/run.ts';
import { NativeError } from './realm/globals.ts';

/** Frames kept per place. More would make the engine walk through the host's frames below, which takes longer than the rest of a step. */
const FRAMES = 1;

interface Frame {
  getFunctionName(): string | null;
  getFileName(): string | null | undefined;
  toString(): string;
}

/** A captured place. The class tells it from an error when its frames are formatted. */
class CapturedSite implements Site {
  declare readonly stack: string;
}

/** Connects the engine's stacks with `format`; only frames of `script` are shown. */
export function installStacks(script: string): void {
  const format = (target: unknown, frames: readonly Frame[]): string => {
    let text = target instanceof CapturedSite ? '' : header(target);
    for (const frame of frames) {
      const file = frame.getFileName();
      if (file === script || file === null || file === undefined) text += `${text === '' ? '' : '\n'}    at ${frame.toString()}`;
    }
    return text;
  };
  NativeError.prepareStackTrace = format as NonNullable<ErrorConstructor['prepareStackTrace']>;
}

function header(target: unknown): string {
  try {
    return NativeError.prototype.toString.call(target);
  } catch {
    // Getters of user errors may throw.
    return 'Error';
  }
}

/** The place above the given function. */
export function captureSite(above: (...args: never[]) => unknown): Site {
  const site = new CapturedSite();
  const limit = NativeError.stackTraceLimit;
  NativeError.stackTraceLimit = FRAMES;
  NativeError.captureStackTrace(site, above);
  NativeError.stackTraceLimit = limit;
  return site;
}

/** "script:line:column" of the first frame with a place, or nothing. */
export function placeOf(site: Site): string {
  return /\(?([^\s()]+:\d+:\d+)\)?(?:\n|$)/.exec(site.stack)?.[1] ?? '';
}
