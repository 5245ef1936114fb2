// The simulation's workflows before one of them was corrected: same names, and one that fails its tasks.
import { clumsyWith, stumble } from './clumsy.ts';

export * from './workflows.ts';

export function clumsy(input: Parameters<typeof clumsyWith>[1]): ReturnType<typeof clumsyWith> {
  return clumsyWith(stumble, input);
}
