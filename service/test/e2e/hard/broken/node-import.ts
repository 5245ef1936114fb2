/** Workflow code that reaches for the machine. */
import { readFileSync } from 'node:fs';

export async function never(): Promise<string> {
  return readFileSync('/etc/hostname', 'utf8');
}
