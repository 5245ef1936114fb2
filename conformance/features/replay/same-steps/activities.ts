// An activity that greets.

export async function sameStepsGreet(name: string): Promise<string> {
  return `Hello, ${name},`;
}
