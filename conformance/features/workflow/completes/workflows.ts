// A workflow that returns at once.

export async function completesGreeting(name: string, { exclaim }: { exclaim: boolean }): Promise<string> {
  return `Hello, ${name}${exclaim ? '!' : '.'}`;
}
