// What is known of mutants so far: kept between runs, so that many short runs make one result.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import type { Verdict } from './judge.ts';
import type { Mutant } from './operators.ts';
import type { Planted } from './planted.ts';

/** A mechanical mutant as it is named in results and reasons: by its code, for lines move. */
export interface Named extends Mutant {
  readonly target: string;
  /** The line it is in. */
  readonly code: string;
  /** What it replaces. */
  readonly was: string;
  readonly key: string;
}

export interface MechanicalResult extends Verdict {
  readonly mutant: Named;
}

export interface PlantedResult extends Verdict {
  readonly planted: Planted;
}

export interface Results {
  commit: string;
  /** The commit whose unchanged sources passed the tests, by target. */
  passed: Record<string, string>;
  /** How many mutants could be made. */
  made: Record<string, number>;
  mechanical: Record<string, MechanicalResult>;
  planted: Record<string, PlantedResult>;
}

/** Why a mutant need not be noticed. */
export interface Reason {
  readonly file: string;
  readonly operator: string;
  readonly code: string;
  /** Absent: whatever the operator changes in this line. */
  readonly was?: string;
  readonly reason: string;
}

const SHOWN = 80;

/** Names the mutants of one file. */
export function named(target: string, source: string, mutants: readonly Mutant[]): Named[] {
  const lines = source.split('\n');
  const seen = new Map<string, number>();
  return mutants.map((mutant) => {
    const code = (lines[mutant.line - 1] ?? '').trim();
    const was = source.slice(mutant.start, mutant.end).replace(/\s+/g, ' ').slice(0, SHOWN);
    const base = [mutant.file, mutant.operator, code, was].join(' | ');
    const times = seen.get(base) ?? 0;
    seen.set(base, times + 1);
    return { ...mutant, target, code, was, key: times === 0 ? base : `${base} | ${times + 1}` };
  });
}

export function readResults(path: string): Results {
  if (!existsSync(path)) return { commit: '', passed: {}, made: {}, mechanical: {}, planted: {} };
  return JSON.parse(readFileSync(path, 'utf8')) as Results;
}

export function writeResults(path: string, results: Results): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(results, undefined, 1)}\n`);
}

export function readReasons(): Reason[] {
  return (parse(readFileSync(join(import.meta.dirname, 'survivors.yaml'), 'utf8')) ?? []) as Reason[];
}

export function reasonOf(mutant: Named, reasons: readonly Reason[]): string | undefined {
  return reasons.find(
    ({ file, operator, code, was }) =>
      file === mutant.file && operator === mutant.operator && code === mutant.code && (was === undefined || was === mutant.was),
  )?.reason;
}

export const plantedKey = ({ rule, does }: Planted): string => `${rule}: ${does}`;
