/** The second half of the seeds, see sim.test.ts. */
import { testSeeds } from './seeds.ts';

testSeeds(1);
