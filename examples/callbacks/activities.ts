// Asks the provider, and leaves the answer to its callback.
import { activityInfo, completeAsync } from '@perdure/sdk/activity';

export interface Payment {
  readonly reference: string;
}

/** Takes what is to be paid, and where the provider shall call back. */
export type Provider = (cents: number, callbackPath: string) => Promise<void>;

export interface Activities {
  askForPayment(cents: number): Promise<Payment>;
}

export function createActivities(provider: Provider): Activities {
  return {
    async askForPayment(cents) {
      const { workflowExecution, activityId } = activityInfo();
      await provider(cents, `/callbacks/${encodeURIComponent(workflowExecution.workflowId)}/${encodeURIComponent(activityId)}`);
      completeAsync();
    },
  };
}
