// A sender that is its own receiver too.
import { condition, defineSignal, getExternalWorkflowHandle, type ServiceFailure, setHandler, workflowInfo } from '@perdure/sdk/workflow';

const note = defineSignal<[text: string]>('note');

export async function externalSender(receiver: string, closed: string): Promise<unknown> {
  const own: string[] = [];
  setHandler(note, (text) => {
    own.push(text);
  });
  const other = getExternalWorkflowHandle(receiver);
  await Promise.all([other.signal(note, 'one'), other.signal('note', 'two'), other.signal(note, 'three')]);
  await getExternalWorkflowHandle(workflowInfo().workflowId).signal(note, 'to myself');
  await condition(() => own.length === 1);
  const refused: string[] = [];
  for (const target of [closed, `${receiver}/nobody`]) {
    await getExternalWorkflowHandle(target)
      .signal(note, 'x')
      .catch((error: unknown) => refused.push((error as ServiceFailure).reason));
  }
  return { own, refused };
}

export async function externalReceiver(count: number): Promise<string[]> {
  const notes: string[] = [];
  setHandler(note, (text) => {
    notes.push(text);
  });
  await condition(() => notes.length === count);
  return notes;
}
