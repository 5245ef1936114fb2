/**
 * R-COMMIT-3, R-OWN-5, R-OWN-6, R-LOG-7. The whole service and the SDK in virtual time, seed by seed: SIM_SEEDS=n runs that many (default 200), SIM_FROM=n begins there,
 * SIM_SEED=n runs one and prints the end of its trace (SIM_TRACE=n lines).
 *
 * Held here under crashes, freezes, lost messages and statements that fail, are late or happen unheard of: R-COMMIT-1, R-COMMIT-3,
 * R-COMMIT-4, R-COMMIT-5, R-COMMIT-6, R-OWN-1, R-OWN-5, R-OWN-6, R-DUE-2, R-DUE-3, R-MATCH-1, R-CLOSE-2, R-CLOSE-5, R-ACT-6, R-ACT-9,
 * R-ACT-11, R-TIMER-1, R-TIMER-2, R-SIGNAL-1, R-SIGNAL-2, R-CANCEL-1, R-QUERY-2, R-TASK-4, R-TASK-6, R-TASK-8, R-TASK-9, R-REPLAY-1,
 * R-CHILD-1, R-CHILD-2, R-CHILD-4, R-EFFECT-1, R-EFFECT-2.
 */
import { testSeeds } from './seeds.ts';

testSeeds(0);
