// The simulation with flags in place of environment variables: `npm run test:sim -- --seeds 1000 --from 5000`, or one seed: `-- --seed 17 --trace 200`.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const text = { type: 'string' };
const { values } = parseArgs({ options: { seeds: text, from: text, seed: text, trace: text } });
const env = { ...process.env };
for (const [flag, value] of Object.entries(values)) {
  if (!/^[1-9]\d*$/.test(value)) {
    console.error(`--${flag}: ${value} is not a whole number from 1`);
    process.exit(2);
  }
  env[`SIM_${flag.toUpperCase()}`] = value;
}
const { status } = spawnSync('vitest', ['run', '--project', 'sim'], { stdio: 'inherit', env, shell: process.platform === 'win32' });
process.exit(status ?? 1);
