// A library that needs modules of Node.

import { credentials } from '@grpc/grpc-js';

export async function calling() {
  return String(credentials.createInsecure());
}
