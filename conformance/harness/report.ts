// What became of the features, for people and for programs: a table per concept, JUnit XML and JSON.
import type { Result, Verdict } from './suite.ts';

const MARKS: Record<Verdict, string> = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' };

/** One line; more for what people must act on. */
export function progressLine({ feature, verdict, notes, seconds }: Result, done: number, all: number): string {
  const told = notes.length === 0 ? '' : verdict === 'passed' ? `  (${notes.join(', ')})` : `\n    ${notes.join('\n    ')}`;
  return `${String(done).padStart(String(all).length)}/${all} ${MARKS[verdict]} ${feature} ${seconds.toFixed(1)} s${told}`;
}

const VERDICTS: readonly Verdict[] = ['passed', 'failed', 'skipped'];
const count = (results: readonly Result[], verdict: Verdict): number => results.filter((result) => result.verdict === verdict).length;

export function summaryTable(results: readonly Result[]): string {
  const concepts = Map.groupBy(results, ({ feature }) => feature.replace(/\/.*/, ''));
  const rows = [...concepts].map(([concept, own]) => [concept, ...VERDICTS.map((verdict) => String(count(own, verdict)))]);
  const all = [['concept', ...VERDICTS], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '))
    .join('\n');
}

export function lastLine(results: readonly Result[]): string {
  return VERDICTS.map((verdict) => `${count(results, verdict)} ${verdict}`).join(', ');
}

export function toJson(results: readonly Result[], sdk: string): string {
  const totals = Object.fromEntries(VERDICTS.map((verdict) => [verdict, count(results, verdict)]));
  return `${JSON.stringify({ sdk, ...totals, features: results }, undefined, 2)}\n`;
}

// Control characters are no part of XML, whichever way they are written.
const escaped = (text: string): string =>
  [...text]
    .filter((each) => each >= ' ' || each === '\n' || each === '\t')
    .join('')
    .replace(/[<>&"]/g, (each) => `&#${each.charCodeAt(0)};`);

export function toJunit(results: readonly Result[], sdk: string): string {
  const cases = results.map(({ feature, verdict, notes, seconds }) => {
    const [concept = '', name = ''] = feature.split('/');
    const text = escaped(notes.join('\n'));
    const inner = verdict === 'failed' ? `<failure>${text}</failure>` : verdict === 'skipped' ? `<skipped message="${text}"/>` : '';
    return `    <testcase classname="${concept}" name="${name}" time="${seconds.toFixed(3)}">${inner}</testcase>`;
  });
  const totals = `tests="${results.length}" failures="${count(results, 'failed')}" skipped="${count(results, 'skipped')}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n  <testsuite name="conformance ${escaped(sdk)}" ${totals}>\n${cases.join('\n')}\n  </testsuite>\n</testsuites>\n`;
}
