/** Seeded chance: xoshiro128**, the same numbers for the same seed on every machine. */

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  below(below: number): number;
  /** True with the given probability. Draws nothing when it is 0. */
  chance(probability: number): boolean;
  /** Uniform in [from, to). */
  between(from: number, to: number): number;
  /** One of the list, which must not be empty. */
  pick<T>(list: readonly T[]): T;
  /** 32 bits. */
  bits(): number;
  /** Another stream, so that one part of the world draws no numbers of another. */
  fork(): Random;
}

/** Makes the stream of a seed. Any integer will do. */
export function createRandom(seed: number): Random {
  // splitmix32 spreads the seed over the state.
  let mix = seed >>> 0;
  const spread = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [spread(), spread(), spread(), spread()];
  const rotate = (x: number, k: number): number => ((x << k) | (x >>> (32 - k))) >>> 0;
  const bits = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5) >>> 0, 7), 9) >>> 0;
    const t = (b << 9) >>> 0;
    c = (c ^ a) >>> 0;
    d = (d ^ b) >>> 0;
    b = (b ^ c) >>> 0;
    a = (a ^ d) >>> 0;
    c = (c ^ t) >>> 0;
    d = rotate(d, 11);
    return result;
  };
  const next = (): number => bits() / 0x1_0000_0000;
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    bits,
    chance: (probability) => probability > 0 && next() < probability,
    between: (from, to) => from + (to - from) * next(),
    pick: <T>(list: readonly T[]): T => list[below(list.length)] as T,
    fork: () => createRandom(bits()),
  };
}
