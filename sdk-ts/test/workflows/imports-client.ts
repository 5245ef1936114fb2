// Imports the client into workflow code.

import * as client from '@perdure/sdk/client';

export async function calling(): Promise<unknown> {
  return client;
}
