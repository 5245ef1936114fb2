// Deterministic random numbers of a run: xoshiro128** over a hash of the run's seed.

/** Four words of 32 bits. */
export type RandomState = [number, number, number, number];

/** The state a seed stands for. */
export function seedRandom(seed: string): RandomState {
  // FNV-1a with a final mix, continued for each word: enough to spread any text over 128 bits.
  let hash = 0x811c9dc5;
  const next = (): number => {
    for (let at = 0; at < seed.length; at += 1) hash = Math.imul(hash ^ seed.charCodeAt(at), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
    return hash >>> 0;
  };
  // A state of zeros would stay zero.
  return [next() | 1, next(), next(), next()];
}

/** 32 random bits; advances the state. */
export function nextUint32(state: RandomState): number {
  const s1 = state[1];
  const product = Math.imul(s1, 5);
  const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
  const shifted = s1 << 9;
  state[2] ^= state[0];
  state[3] ^= s1;
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = (state[3] << 11) | (state[3] >>> 21);
  return result;
}

/** A number in [0, 1) with 53 random bits. */
export function nextFloat(state: RandomState): number {
  return ((nextUint32(state) >>> 5) * 0x4000000 + (nextUint32(state) >>> 6)) / 0x20000000000000;
}

/** A UUID of version 4. */
export function nextUuid(state: RandomState): string {
  const hex = [0, 0, 0, 0].map(() => nextUint32(state).toString(16).padStart(8, '0')).join('');
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
