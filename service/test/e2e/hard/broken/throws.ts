/** Workflow code that throws while it is evaluated. */
const settings = JSON.parse('{}') as { billing: { url: string } };
export const url: string = settings.billing.url;

export async function never(): Promise<string> {
  return url;
}
