// docs/mutation.md: the last result.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plantedKey, type Reason, type Results, reasonOf } from './results.ts';
import { root } from './targets.ts';

const cell = (text: string): string => `\`${text.replaceAll('`', "'").replaceAll('|', '\\|')}\``;
const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);

function row(name: string, results: readonly { verdict: string }[], made: number | undefined): string {
  const count = (verdict: string): number => results.filter((each) => each.verdict === verdict).length;
  const survived = count('survived');
  const cells = [name, ...(made === undefined ? [] : [made]), results.length, count('noticed'), count('timed out'), survived];
  return `| ${cells.join(' | ')} | ${percent(results.length - survived, results.length)} |`;
}

/** One line per target. */
export function summary(results: Results): string[] {
  const all = Object.values(results.mechanical);
  return Object.entries(results.made).map(([name, made]) =>
    row(
      name,
      all.filter(({ mutant }) => mutant.target === name),
      made,
    ),
  );
}

export function writeReport(results: Results, reasons: readonly Reason[]): void {
  writeFileSync(join(root, 'docs/mutation.md'), render(results, reasons));
}

function render(results: Results, reasons: readonly Reason[]): string {
  const all = Object.values(results.mechanical);
  const operators = [...Map.groupBy(all, ({ mutant }) => mutant.operator)].map(([name, some]) => row(name, some, undefined));
  const survivors = all.filter(({ verdict }) => verdict === 'survived').sort((a, b) => (a.mutant.key < b.mutant.key ? -1 : 1));
  const withReason = survivors.map(({ mutant }) => ({ mutant, reason: reasonOf(mutant, reasons) }));
  const survived = withReason.map(
    ({ mutant, reason }) =>
      `| ${mutant.file.replace(/^.*\/src\//, '')}:${mutant.line} | ${mutant.operator} | ${cell(mutant.was)} in ${cell(mutant.code)} | ${reason ?? 'not yet looked at'} |`,
  );
  const planted = Object.values(results.planted);
  const missed = planted.filter(({ verdict }) => verdict === 'survived');
  const rules = [...Map.groupBy(planted, (each) => each.planted.rule)].map(
    ([rule, some]) =>
      `| ${rule} | ${some.map((each) => `${each.planted.does} (${each.verdict})`).join('<br>')} | ${[...new Set(some.map((each) => each.planted.by))].map((file) => `[${file.replace(/^.*\//, '')}](../${file})`).join('<br>')} |`,
  );
  return `# Mutation proof

Do the tests notice when the program is wrong? Two kinds of changes are made to it, one at a time, in a copy of the committed sources:

- **planted** ([conformance/mutation/planted](../conformance/mutation/planted)): for each rule of [architecture.md](architecture.md) changes that
  break it, and the test that must notice them. That all of them still apply is held by \`npm test\`.
- **mechanical**: in the core and in the SDK's replayer, a comparison flipped, a call dropped, a number one larger, a condition negated, \`&&\`
  and \`||\` swapped, a \`return\` removed, a string emptied. Strings of internal errors (\`new Error\`) are left alone.

A change that makes the tests hang counts as noticed. Only the tests near the code are run
([targets.ts](../conformance/mutation/targets.ts)): simulation, faults, e2e and the conformance features may notice more.

\`\`\`sh
npm run mutation -- planted                        # or some: planted R-ACT R-TIMER-1
npm run mutation -- mechanical --sample 300 --seed 1
npm run mutation -- mechanical --target core       # all of it: about half an hour of one core
npm run mutation -- mechanical --again             # survivors once more, after adding a test
npm run mutation -- report                         # writes this page
\`\`\`

Results are kept in \`.perdure/mutation.json\`; a run goes on where the last one ended (\`--seconds 80\` ends it after that time), \`--fresh\` begins anew.

## Last result

Mechanical: sources and tests of commit ${results.commit}. Where fewer were run than can be made, it is the sample of the command above.

| mechanical | made | run | noticed | timed out | survived | noticed in all |
|---|---|---|---|---|---|---|
${summary(results).join('\n')}

| operator | run | noticed | timed out | survived | noticed in all |
|---|---|---|---|---|---|
${operators.join('\n')}

Planted: ${planted.length - missed.length} of ${planted.length} noticed, for ${rules.length} rules.${missed.length === 0 ? '' : ` Missed: ${missed.map((each) => plantedKey(each.planted)).join('; ')}.`}

## Survivors

${withReason.filter(({ reason }) => reason !== undefined).length} of ${survivors.length} with a reason
([survivors.yaml](../conformance/mutation/survivors.yaml)).

| where | operator | change | reason |
|---|---|---|---|
${survived.join('\n')}

## Planted mutants

| rule | what the change does | test |
|---|---|---|
${rules.join('\n')}
`;
}
