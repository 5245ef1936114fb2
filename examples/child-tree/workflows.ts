// A tree of workflows: each counts what lies below it. Children that the parent asks for run side by side, on any worker.
import { executeChild, proxyActivities, workflowInfo } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { listFolder } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

/** The number of files in a folder and in all folders below it. */
export async function countFiles(folder: string): Promise<number> {
  const { files, folders } = await listFolder(folder);
  const { workflowId } = workflowInfo();
  const below = await Promise.all(
    folders.map((name) => executeChild(countFiles, { workflowId: `${workflowId}/${name}`, args: [`${folder}/${name}`] })),
  );
  return below.reduce((sum, count) => sum + count, files);
}
