// Imports what workflow code may not have.

import { readFileSync } from 'node:fs';

export async function reading(): Promise<string> {
  return readFileSync('/etc/hostname', 'utf8');
}
