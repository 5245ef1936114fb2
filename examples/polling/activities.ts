// Polls a slow service with heartbeats: an attempt that follows a crash goes on asking for the same job instead of beginning another.
import { Context } from '@perdure/sdk/activity';

/** The slow service: a job takes some polls. */
const jobs = new Map<string, number>();
export const slowService = {
  begun: 0,
  begin(title: string): string {
    slowService.begun += 1;
    const job = `${title}-${slowService.begun}`;
    jobs.set(job, 0);
    return job;
  },
  percent(job: string): number {
    const percent = (jobs.get(job) ?? 0) + 25;
    jobs.set(job, percent);
    return Math.min(percent, 100);
  },
};

interface Progress {
  readonly job: string;
  readonly percent: number;
}

export async function render(title: string): Promise<string> {
  const context = Context.current();
  const before = context.info.heartbeatDetails as Progress | undefined;
  const job = before?.job ?? slowService.begin(title);
  if (before !== undefined) context.log('info', `goes on with ${job} at ${before.percent} %`);
  for (;;) {
    const percent = slowService.percent(job);
    context.heartbeat({ job, percent } satisfies Progress);
    if (percent === 100) return `${job}.mp4`;
    if (percent === 50 && context.info.attempt === 1) throw new Error('the connection was lost');
    // Ends at once when the workflow is cancelled or the worker stops.
    await context.sleep('100 milliseconds');
  }
}
