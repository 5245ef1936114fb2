// Libraries from the registry inside the sandbox.

// biome-ignore-start lint/correctness/noUndeclaredDependencies: whatever is installed with the workspace
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import YAML from 'yaml';
import { z } from 'zod';

// biome-ignore-end lint/correctness/noUndeclaredDependencies: whatever is installed with the workspace

const Order = z.object({ id: z.string().min(1), amount: z.number().positive(), when: z.coerce.date().optional() });

export async function parsing(): Promise<unknown> {
  const good = Order.parse({ id: 'a', amount: 3, when: '2026-01-01' });
  const wrong = Order.safeParse({ id: '', amount: -1 });
  const text = YAML.stringify(YAML.parse('a: [1, 2]\nb: { c: true }\n'));
  return { when: good.when?.toISOString(), issues: wrong.error?.issues.length, text, random: xoroshiro128plus(1).next() };
}
