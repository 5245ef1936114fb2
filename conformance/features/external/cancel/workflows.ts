// Asks others to cancel themselves.
import { getExternalWorkflowHandle, type ServiceFailure } from '@perdure/sdk/workflow';

export async function externalCanceler(targets: string[]): Promise<string[]> {
  const told: string[] = [];
  for (const target of targets) {
    await getExternalWorkflowHandle(target)
      .cancel('enough')
      .then(
        () => told.push('asked'),
        (error: unknown) => told.push((error as ServiceFailure).reason),
      );
  }
  return told;
}
