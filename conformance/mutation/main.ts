// `npm run mutation -- planted|mechanical|report [options]`: makes mutants in a copy of the sources and counts those that the tests notice.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createJudge, type Judge } from './judge.ts';
import { applied, mutantsOf } from './operators.ts';
import { plant, readPlanted } from './planted.ts';
import { summary, writeReport } from './report.ts';
import { type Named, named, plantedKey, type Results, readReasons, readResults, writeResults } from './results.ts';
import { commitOf, createScratch, type Scratch } from './scratch.ts';
import { type Target, targets } from './targets.ts';

const USAGE = `usage: npm run mutation -- planted [rule …]     planted mutants, of rules whose number begins so
       npm run mutation -- mechanical [options]
       npm run mutation -- report                write docs/mutation.md

  --target name   core or replayer (default both)
  --file text     only files whose path contains it
  --sample n      so many, drawn by --seed (default all)
  --seed n        default 1
  --again         those that survived
  --seconds n     begin none after that time; the next run goes on there
  --timeout n     s for one stage of tests (default 90)
  --state path    where results are kept (default .perdure/mutation.json)
  --commit name   whose sources and tests (default HEAD)
  --fresh         forget earlier results`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const options = {
  target: text,
  file: text,
  sample: text,
  seed: text,
  seconds: text,
  timeout: text,
  state: text,
  commit: text,
  again: flag,
  fresh: flag,
  help: flag,
} as const;

interface Session {
  readonly results: Results;
  readonly state: string;
  readonly scratch: Scratch;
  readonly judge: Judge;
  readonly seconds: number;
}

/** The mutants in an order that a seed gives, so that the first n are a sample. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed >>> 0;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
  const order = [...items];
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = next(at + 1);
    [order[at], order[other]] = [order[other] as T, order[at] as T];
  }
  return order;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function limitOf({ seconds }: Session): { over(): boolean } {
  const until = performance.now() + seconds * 1000;
  return { over: () => performance.now() > until };
}

async function runPlanted(session: Session, wanted: readonly string[]): Promise<boolean> {
  const { results, scratch, judge } = session;
  const all = readPlanted().filter(
    ({ rule }) => wanted.length === 0 || wanted.some((each) => rule === each || rule.startsWith(`${each}-`)),
  );
  const time = limitOf(session);
  let missed = 0;
  for (const planted of all) {
    const key = plantedKey(planted);
    if (wanted.length === 0 && (results.planted[key]?.verdict ?? 'survived') !== 'survived') continue;
    if (time.over()) break;
    const source = readFileSync(join(scratch.folder, planted.file), 'utf8');
    const verdict = await judge.judge(planted.file, plant(planted, source), [[planted.by]]);
    results.planted[key] = { planted, ...verdict };
    if (verdict.verdict === 'survived') missed += 1;
    say(`${verdict.verdict === 'survived' ? 'SURVIVED' : verdict.verdict} ${key} (${verdict.by || planted.by})`);
    writeResults(session.state, results);
  }
  const known = new Set(all.map(plantedKey));
  for (const key of Object.keys(results.planted)) if (!known.has(key) && wanted.length === 0) delete results.planted[key];
  writeResults(session.state, results);
  return missed === 0;
}

function mechanicalOf(scratch: Scratch, target: Target): Named[] {
  return target.files.flatMap((file) => {
    const source = readFileSync(join(scratch.folder, file), 'utf8');
    return named(target.name, source, mutantsOf(file, source));
  });
}

interface Choice {
  readonly target: string | undefined;
  readonly file: string | undefined;
  readonly sample: number;
  readonly seed: number;
  readonly again: boolean;
}

async function runMechanical(session: Session, choice: Choice): Promise<void> {
  const { results, scratch, judge } = session;
  const byName = new Map(targets(scratch.folder).map((target) => [target.name, target]));
  const all = [...byName.values()].flatMap((target) => mechanicalOf(scratch, target));
  for (const name of byName.keys()) results.made[name] = all.filter(({ target }) => target === name).length;
  const known = new Set(all.map(({ key }) => key));
  for (const key of Object.keys(results.mechanical)) if (!known.has(key)) delete results.mechanical[key];

  const chosen = shuffled(
    all.filter(({ target, file }) => (choice.target ?? target) === target && file.includes(choice.file ?? '')),
    choice.seed,
  ).slice(0, choice.sample);
  const open = chosen.filter(({ key }) => (choice.again ? results.mechanical[key]?.verdict === 'survived' : !(key in results.mechanical)));
  const time = limitOf(session);
  for (const [at, mutant] of open.entries()) {
    if (time.over()) break;
    const source = readFileSync(join(scratch.folder, mutant.file), 'utf8');
    const verdict = await judge.judge(mutant.file, applied(mutant, source), byName.get(mutant.target)?.stages ?? []);
    results.mechanical[mutant.key] = { mutant, ...verdict };
    if (verdict.verdict === 'survived')
      say(`${at + 1}/${open.length} survived ${mutant.file}:${mutant.line}:${mutant.column} ${mutant.operator}: ${mutant.was}`);
    writeResults(session.state, results);
  }
  for (const line of summary(results)) say(line);
}

/** Sources as they are must pass, or every verdict is worthless. */
async function checkUnchanged({ results, state, scratch, judge }: Session, wanted: string | undefined): Promise<void> {
  for (const { name, files, stages } of targets(scratch.folder)) {
    if ((wanted ?? name) !== name || results.passed[name] === results.commit) continue;
    const [file = ''] = files;
    const { verdict, by } = await judge.judge(file, readFileSync(join(scratch.folder, file), 'utf8'), stages);
    if (verdict !== 'survived') throw new Error(`the tests of ${name} fail without any change: ${by}`);
    results.passed[name] = results.commit;
    writeResults(state, results);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [mode, ...rest] = positionals;
  if (values.help || mode === undefined || !['planted', 'mechanical', 'report'].includes(mode)) {
    say(USAGE);
    return values.help ? 0 : 2;
  }
  const state = values.state ?? '.perdure/mutation.json';
  const results = readResults(values.fresh ? '' : state);
  if (mode === 'report') {
    writeReport(results, readReasons());
    return 0;
  }
  results.commit = commitOf(values.commit ?? 'HEAD');
  const scratch = createScratch(results.commit);
  const judge = createJudge(scratch, Number(values.timeout ?? 90) * 1000);
  const end = (): void => {
    judge.close();
    scratch.remove();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      end();
      process.exit(130);
    });
  try {
    const session: Session = { results, state, scratch, judge, seconds: Number(values.seconds ?? Number.POSITIVE_INFINITY) };
    if (mode === 'planted') return (await runPlanted(session, rest)) ? 0 : 1;
    const { target, file, again = false } = values;
    await checkUnchanged(session, target);
    await runMechanical(session, {
      target,
      file,
      again,
      sample: Number(values.sample ?? Number.POSITIVE_INFINITY),
      seed: Number(values.seed ?? 1),
    });
    return 0;
  } finally {
    end();
  }
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`mutation: ${String((error as Error).stack)}\n`);
  process.exit(2);
}
