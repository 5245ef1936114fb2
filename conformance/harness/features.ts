// Reads features from disk: folder, rules of the README, scenario, expected histories. Says file and place of what is wrong.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { parseDocument } from 'yaml';
import { type Scenario, type Step, verbOf } from './scenario.ts';

export const root: string = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = join(root, 'features');

export const KINDS = ['happy', 'failure', 'race'] as const;
export type Kind = (typeof KINDS)[number];

/** A cell of the coverage table that a feature fills. */
export interface Covered {
  readonly rule: string;
  readonly kind: Kind;
}

export interface Feature {
  /** concept/feature */
  readonly name: string;
  readonly concept: string;
  readonly folder: string;
  readonly rules: readonly Covered[];
  readonly scenario: Scenario;
  /** Lines of history.txt by run. */
  readonly histories: ReadonlyMap<string, readonly string[]>;
}

const schemas = new Ajv({ allErrors: true, strict: false, verbose: true });
for (const name of ['worker', 'scenario', 'sdk'])
  schemas.addSchema(JSON.parse(readFileSync(join(root, `contract/${name}.schema.json`), 'utf8')) as object, `${name}.schema.json`);

/** Throws what is wrong with a value of the contract, one line each. */
export function checkSchema(name: 'worker' | 'scenario' | 'sdk', value: unknown, where: string): void {
  const validate = schemas.getSchema(`${name}.schema.json`) as ValidateFunction;
  if (validate(value)) return;
  const lines = (validate.errors ?? []).map(
    ({ instancePath, message, params }: ErrorObject) => `${where}${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
  throw new Error(lines.join('\n'));
}

/** Names of all features, or of those that match a glob. */
export function featureNames(glob = '*/*'): string[] {
  const names = readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(join(FOLDER, name)).map((feature) => `${name}/${feature}`))
    .filter((name) => existsSync(join(FOLDER, name, 'README.md')) || existsSync(join(FOLDER, name, 'scenario.yaml')));
  const globs = glob.split(',').map((each) => (each.includes('/') ? each : `${each}/*`));
  return names.filter((name) => globs.some((each) => matchesGlob(name, each))).sort();
}

/** Throws with the path of the file and what is wrong in it. */
export function loadFeature(name: string): Feature {
  const folder = join(FOLDER, name);
  const shown = `conformance/features/${name}`;
  if (!/^[a-z][a-z0-9-]*\/[a-z][a-z0-9-]*$/.test(name)) throw new Error(`${shown}: names are lower case with hyphens`);
  const document = parseDocument(readFileSync(join(folder, 'scenario.yaml'), 'utf8'));
  const [problem] = document.errors;
  if (problem !== undefined) throw new Error(`${shown}/scenario.yaml: ${problem.message}`);
  const scenario = document.toJS() as Scenario;
  checkSchema('scenario', scenario, `${shown}/scenario.yaml`);
  checkSteps(scenario.steps, `${shown}/scenario.yaml`);
  return {
    name,
    concept: name.replace(/\/.*/, ''),
    folder,
    rules: rulesOf(join(folder, 'README.md'), shown),
    scenario,
    histories: readHistories(join(folder, 'history.txt')),
  };
}

function checkSteps(steps: readonly Step[], where: string): void {
  for (const [index, step] of steps.entries()) {
    try {
      verbOf(step);
    } catch (error) {
      throw new Error(`${where}: step ${index + 1}: ${(error as Error).message}`);
    }
    if (step.repeat !== undefined) checkSteps(step.repeat.steps, `${where}: step ${index + 1}`);
  }
}

/** `Rules: R-ACT-2 (failure), R-ACT-5 (happy, race)` */
function rulesOf(readme: string, shown: string): Covered[] {
  if (!existsSync(readme))
    throw new Error(`${shown}/README.md is missing: a title, what is checked and why, and a line "Rules: R-… (happy)"`);
  const lines = [...readFileSync(readme, 'utf8').matchAll(/^Rules:(.*)$/gm)].map(([, line = '']) => line);
  const covered = lines.flatMap((line) =>
    [...line.matchAll(/(R-[A-Z]+-\d+)\s*\(([^)]*)\)/g)].flatMap(([, rule = '', kinds = '']) =>
      kinds.split(',').map((kind) => ({ rule, kind: kind.trim() as Kind })),
    ),
  );
  const wrong = covered.find(({ kind }) => !KINDS.includes(kind));
  if (wrong !== undefined) throw new Error(`${shown}/README.md: ${wrong.rule} (${wrong.kind}): in brackets stands ${KINDS.join(', ')}`);
  const named = lines.join(' ').match(/R-[A-Z]+-\d+/g) ?? [];
  if (named.length === 0 || named.some((rule) => !covered.some((each) => each.rule === rule)))
    throw new Error(`${shown}/README.md: needs a line like "Rules: R-ACT-2 (failure), R-ACT-5 (happy)"`);
  return covered;
}

/** Sections `# run` of history.txt. */
function readHistories(path: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  if (!existsSync(path)) return found;
  let lines: string[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const title = /^# (\S+)$/.exec(line)?.[1];
    if (title !== undefined) {
      lines = [];
      found.set(title, lines);
    } else if (line !== '') lines.push(line);
  }
  return found;
}

export function writeHistories(histories: ReadonlyMap<string, readonly string[]>): string {
  return [...histories].map(([run, lines]) => `# ${run}\n${lines.map((line) => `${line}\n`).join('')}`).join('\n');
}
