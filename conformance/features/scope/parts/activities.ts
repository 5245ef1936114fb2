// Answers.
export async function scopePartsWork(what: string): Promise<string> {
  return what;
}
