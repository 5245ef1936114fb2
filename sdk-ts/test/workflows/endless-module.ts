// A module that is never done being evaluated.

export const primes: number[] = [];
for (let candidate = 2; primes.length < Number.POSITIVE_INFINITY; candidate += 1) {
  if (candidate < 1_000) primes.push(candidate);
}

export async function never(): Promise<number> {
  return primes.length;
}
