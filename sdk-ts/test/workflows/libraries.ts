// Libraries that are expensive to evaluate.

import YAML from 'yaml';
import { z } from 'zod';

const Order = z.object({ id: z.string().min(1), amount: z.number().positive(), when: z.coerce.date().optional() });

export async function parsing(): Promise<unknown> {
  const good = Order.parse({ id: 'a', amount: 3, when: '2026-01-01' });
  const wrong = Order.safeParse({ id: '', amount: -1 });
  const text = YAML.stringify(YAML.parse('a: [1, 2]\nb: { c: true }\n'));
  return { when: good.when?.toISOString(), issues: wrong.error?.issues.length, text };
}
