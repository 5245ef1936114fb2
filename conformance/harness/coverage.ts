// Coverage of the numbered rules by features: writes docs/conformance.md, a table of rule × (happy, failure, race). `--empty` lists empty cells.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { type Feature, featureNames, KINDS, type Kind, loadFeature, root } from './features.ts';

const repository = join(root, '..');
export const DOCUMENT: string = join(repository, 'docs/conformance.md');

/** void/<AREA>.yaml */
interface Void {
  /** All cells of the area are filled: an empty one is an error from then on. */
  readonly finished: boolean;
  /** Rule → kind → why no feature can or need show it. */
  readonly void: Readonly<Record<string, Partial<Record<Kind, string>>>>;
}

export interface Rule {
  readonly id: string;
  /** ACT of R-ACT-2. */
  readonly area: string;
  readonly text: string;
}

export interface Coverage {
  readonly document: string;
  /** Cells of finished areas with neither feature nor reason. */
  readonly missing: readonly string[];
  readonly empty: readonly string[];
  /** What cites rules that do not exist, or declares void what a feature shows. */
  readonly wrong: readonly string[];
}

export function readRules(): Rule[] {
  const text = readFileSync(join(repository, 'docs/architecture.md'), 'utf8');
  return [...text.matchAll(/^- \*\*(R-([A-Z]+)-\d+)\*\* ((?:.*\n(?! {0,1}\S))*.*)/gm)].map(([, id = '', area = '', rule = '']) => ({
    id,
    area,
    text: rule.replace(/\s+/g, ' ').trim(),
  }));
}

function readVoids(): Map<string, Void> {
  const folder = join(root, 'void');
  return new Map(
    readdirSync(folder).map((file) => {
      const { finished = false, void: own } = (parse(readFileSync(join(folder, file), 'utf8')) ?? {}) as Partial<Void>;
      return [basename(file, '.yaml'), { finished, void: own ?? {} }];
    }),
  );
}

export function readCoverage(features: readonly Feature[] = featureNames().map(loadFeature)): Coverage {
  const rules = readRules();
  const areas = readVoids();
  const finished = [...areas].filter(([, area]) => area.finished).map(([area]) => area);
  const voids = Object.assign({}, ...[...areas.values()].map((area) => area.void)) as Void['void'];
  const known = new Set(rules.map(({ id }) => id));
  const wrong = [
    ...features.flatMap(({ name, rules: cited }) =>
      cited.filter(({ rule }) => !known.has(rule)).map(({ rule }) => `${name}: there is no rule ${rule}`),
    ),
    ...[...areas].flatMap(([area, { void: own }]) =>
      Object.keys(own)
        .filter((rule) => !known.has(rule) || !rule.startsWith(`R-${area}-`))
        .map((rule) => `void/${area}.yaml: there is no rule ${rule} in this area`),
    ),
    ...[...areas.keys()]
      .filter((area) => !rules.some((rule) => rule.area === area))
      .map((area) => `void/${area}.yaml: there is no such area`),
  ];
  const empty: string[] = [];
  const missing: string[] = [];
  const rows = rules.map(({ id, area }) => {
    const cells = KINDS.map((kind) => {
      const shown = features
        .filter(({ rules: cited }) => cited.some((each) => each.rule === id && each.kind === kind))
        .map(({ name }) => name);
      const reason = voids[id]?.[kind];
      if (shown.length > 0 && reason !== undefined) wrong.push(`void/${area}.yaml: ${id} (${kind}) is shown by ${shown.join(', ')}`);
      if (shown.length > 0) return shown.map((name) => `[${name}](../conformance/features/${name}/README.md)`).join('<br>');
      if (reason !== undefined) return `void: ${reason}`;
      empty.push(`${id} (${kind})`);
      if (finished.includes(area)) missing.push(`${id} (${kind})`);
      return '';
    });
    return `| ${id} | ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return { document: render(rows, rules.length, empty.length), missing, empty, wrong };
}

function render(rows: readonly string[], rules: number, empty: number): string {
  const cells = rules * KINDS.length;
  return `# Conformance: which feature shows which rule

Written by \`npm run conformance:coverage\` from the rules of [architecture.md](architecture.md), the features of
[conformance](../conformance/README.md) and \`conformance/void/\`. A cell is void where no feature can or need show it, with the reason.

${cells - empty} of ${cells} cells.

| rule | ${KINDS.join(' | ')} |
|---|${KINDS.map(() => '---|').join('')}
${rows.join('\n')}
`;
}

function main(): number {
  const { document, missing, empty, wrong } = readCoverage();
  if (process.argv.includes('--empty')) process.stdout.write(empty.map((cell) => `${cell}\n`).join(''));
  writeFileSync(DOCUMENT, document);
  for (const line of [...wrong, ...missing.map((cell) => `${cell}: neither a feature nor void`)]) process.stderr.write(`${line}\n`);
  return wrong.length + missing.length > 0 ? 1 : 0;
}

if (process.argv[1] === import.meta.filename) process.exit(main());
