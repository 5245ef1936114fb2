/** What customers order: types of workflows and their arguments. */
import type { Flaw } from './clumsy.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';

interface Orderer {
  readonly plan: Plan;
  readonly random: Random;
}

const TYPES = [
  'pipeline',
  'napper',
  'alarms',
  'collector',
  'entity',
  'stubborn',
  'worker',
  'risky',
  'heart',
  'patient',
  'racer',
  'clumsy',
  'hauler',
  'trusting',
  'family',
] as const;
export type Type = (typeof TYPES)[number];

/** From this size of an argument on the change that records it takes the second lane. */
const HEAVY_BYTES = 262_144;

export function argsOf(type: Type, { random, plan }: Orderer): unknown[] {
  const some = (most: number, draw: () => number): number[] => Array.from({ length: 1 + random.below(most) }, draw);
  switch (type) {
    case 'pipeline':
    case 'trusting':
    case 'family':
      return [some(6, () => random.below(100))];
    case 'napper':
      return [some(3, () => random.below(random.pick([500, 10_000, 90_000])))];
    case 'alarms':
      return [some(5, () => random.below(40_000))];
    case 'collector':
    case 'worker':
      return [20_000 + random.below(60_000)];
    case 'entity':
      return [20_000 + random.below(60_000), 1 + random.below(4), 0, [], false];
    case 'stubborn':
      return [1 + random.below(3)];
    case 'risky':
      return [1 + random.below(2)];
    case 'heart':
      return [1 + random.below(20)];
    case 'patient':
      return [5_000 + random.below(60_000)];
    case 'racer':
      return [1 + random.below(4)];
    case 'hauler':
      return [some(4, () => 10 * (1 + random.below(plan.heavy && random.chance(0.6) ? 60_000 : 100)))];
    case 'clumsy': {
      const numbers = some(4, () => random.below(100));
      const flaw: Flaw = random.pick(['thrown', 'bad command']);
      return [{ flaw, at: random.below(numbers.length), numbers, patience: 20_000 + random.below(60_000) }];
    }
  }
}

export function typeOf({ random, plan }: Orderer): Type {
  if (plan.trust && random.chance(0.4)) return 'trusting';
  if (plan.flawed > 0 && random.chance(0.3)) return 'clumsy';
  if (plan.heavy && random.chance(0.2)) return 'hauler';
  if (random.chance(0.15)) return random.pick(['entity', 'entity', 'stubborn']);
  const type = random.pick(TYPES);
  return type === 'trusting' ? 'pipeline' : type;
}

/** One more argument, which nobody reads. */
export function ballast({ plan, random }: Orderer): string[] {
  return plan.heavy && random.chance(0.3) ? ['ballast '.repeat((HEAVY_BYTES * (1 + random.next())) / 8)] : [];
}
