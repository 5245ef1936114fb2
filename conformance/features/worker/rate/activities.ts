// Says when it began.
export async function ratedWork(): Promise<number> {
  return Date.now();
}
