// What workflow code must not do by itself.

export async function forbiddenProcessId(): Promise<boolean> {
  return process.pid > 0;
}
