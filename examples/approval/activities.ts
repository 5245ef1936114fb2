// What would write an email and call the bank.
import { activityInfo } from '@perdure/sdk/activity';

export async function askManager(manager: string, employee: string, cents: number): Promise<void> {
  console.log(`  to ${manager}: ${employee} asks for ${(cents / 100).toFixed(2)}`);
}

/** The bank ignores a key that it has seen before, so a second attempt pays nothing twice. */
export async function payOut(employee: string, cents: number): Promise<string> {
  const { idempotencyKey, workflowExecution } = activityInfo();
  console.log(`  to the bank: ${(cents / 100).toFixed(2)} for ${employee}, key ${idempotencyKey.slice(0, 13)}…`);
  return `payment of ${workflowExecution.workflowId}`;
}
