// Looks at a thread from outside: is it stuck in one entry, and where.

import { Session } from 'node:inspector';
import { LIBRARY_SCRIPT } from './realm-host.ts';

/** Where the code of a thread stands: "    at fn (file:line:column)" lines, or '' when it cannot be told in time. */
export function stackOfThread(threadName: string, timeoutMs = 1500): Promise<string> {
  const session = new Session();
  session.connect();
  const scripts = new Map<string, string>();
  return new Promise<string>((resolve) => {
    const end = (stack: string): void => {
      clearTimeout(timer);
      session.disconnect();
      resolve(stack);
    };
    const timer = setTimeout(() => end(''), timeoutMs);
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      if (!params.workerInfo.title.includes(threadName)) return;
      const { sessionId } = params;
      const send = (id: number, method: string): void => {
        session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method }) });
      };
      session.on('NodeWorker.receivedMessageFromWorker', (received) => {
        if (received.params.sessionId !== sessionId) return;
        const message = JSON.parse(received.params.message) as ThreadMessage;
        if (message.method === 'Debugger.scriptParsed') scripts.set(message.params.scriptId, message.params.url);
        if (message.method !== 'Debugger.paused') return;
        send(3, 'Debugger.resume');
        end(formatFrames(message.params.callFrames, scripts));
      });
      send(1, 'Debugger.enable');
      send(2, 'Debugger.pause');
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
}

interface Frame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
}

type ThreadMessage =
  | { readonly method: 'Debugger.paused'; readonly params: { readonly callFrames: readonly Frame[] } }
  | { readonly method: 'Debugger.scriptParsed'; readonly params: { readonly scriptId: string; readonly url: string } }
  | { readonly method?: undefined };

function formatFrames(frames: readonly Frame[], scripts: ReadonlyMap<string, string>): string {
  const lines: string[] = [];
  for (const { functionName, location } of frames) {
    const url = scripts.get(location.scriptId) ?? '';
    // Below the first frame of the library there is nothing of the user's.
    if (url.endsWith(LIBRARY_SCRIPT) && lines.length > 0) break;
    const place = `${url}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1}`;
    lines.push(functionName === '' ? `    at ${place}` : `    at ${functionName} (${place})`);
  }
  return lines.join('\n');
}

export interface Watch {
  /** Which task has been stuck in one entry, and for how many milliseconds; undefined when none is. */
  look(now: number): { readonly taskId: number; readonly forMs: number } | undefined;
}

/** Reads the shared progress of a thread: [number of the last entry, id of the task in it or 0]. */
export function watchProgress(progress: Int32Array): Watch {
  let entry = -1;
  let task = 0;
  let since = 0;
  return {
    look(now) {
      const entryNow = Atomics.load(progress, 0);
      const taskNow = Atomics.load(progress, 1);
      if (entryNow !== entry || taskNow !== task) {
        entry = entryNow;
        task = taskNow;
        since = now;
      }
      return task === 0 ? undefined : { taskId: task, forMs: now - since };
    },
  };
}
