// Mechanical mutants of one source file: small changes of the kind a tired person makes, each at one place.
import { parseAst } from 'vitest/node';

/** One change of one file: `text` stands in place of the characters from `start` to `end`. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly operator: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** What an operator makes of a node: the place it changes and what stands there then. */
type Change = readonly [start: number, end: number, text: string];
type Operator = (node: Node, source: string, parents: readonly Node[]) => Change | undefined;

const FLIPPED: Readonly<Record<string, string>> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
};

const textOf = (source: string, { start, end }: Node): string => source.slice(start, end);
const isCall = (node: Node): boolean => {
  if (node.type === 'CallExpression') return true;
  if (node.type === 'AwaitExpression' || (node.type === 'UnaryExpression' && node.operator === 'void'))
    return isCall(node.argument as Node);
  return node.type === 'ChainExpression' && isCall(node.expression as Node);
};

function negated(test: Node, source: string): Change | undefined {
  // Equality is flipped already.
  if (test.type === 'BinaryExpression' && /^[!=]==$/.test(test.operator as string)) return undefined;
  return [test.start, test.end, `!(${textOf(source, test)})`];
}

/** What an error says that no caller is meant to see. */
const isInternal = (parents: readonly Node[]): boolean =>
  parents.some(({ type, callee }) => type === 'NewExpression' && (callee as Node).name === 'Error');

export const OPERATORS: Readonly<Record<string, Operator>> = {
  'flip a comparison'(node, source) {
    if (node.type !== 'BinaryExpression') return undefined;
    const operator = node.operator as string;
    const flipped = FLIPPED[operator];
    if (flipped === undefined) return undefined;
    const start = source.indexOf(operator, (node.left as Node).end);
    return [start, start + operator.length, flipped];
  },
  'drop a call'(node) {
    if (node.type !== 'ExpressionStatement' || !isCall(node.expression as Node)) return undefined;
    return [node.start, node.end, ';'];
  },
  'off by one'(node, source, parents) {
    if (node.type !== 'Literal' || isInternal(parents)) return undefined;
    const text = textOf(source, node);
    if (typeof node.value === 'number' && Number.isInteger(node.value)) return [node.start, node.end, `${node.value + 1}`];
    return text.endsWith('n') && typeof node.bigint === 'string' ? [node.start, node.end, `${BigInt(node.bigint) + 1n}n`] : undefined;
  },
  'negate a condition'(node, source) {
    if (!['IfStatement', 'ConditionalExpression', 'WhileStatement'].includes(node.type)) return undefined;
    return negated(node.test as Node, source);
  },
  'swap && and ||'(node, source) {
    if (node.type !== 'LogicalExpression' || node.operator === '??') return undefined;
    const operator = node.operator === '&&' ? '||' : '&&';
    return [node.start, node.end, `((${textOf(source, node.left as Node)}) ${operator} (${textOf(source, node.right as Node)}))`];
  },
  'remove a return'(node, source) {
    if (node.type !== 'ReturnStatement') return undefined;
    const argument = node.argument as Node | null;
    return [node.start, node.end, argument === null ? ';' : `void (${textOf(source, argument)});`];
  },
  'empty a string'(node, source, parents) {
    if (isInternal(parents)) return undefined;
    if (node.type === 'TemplateLiteral' && parents.at(-1)?.type !== 'TaggedTemplateExpression')
      return node.end - node.start > 2 ? [node.start, node.end, '``'] : undefined;
    return node.type === 'Literal' && typeof node.value === 'string' && textOf(source, node).length > 2
      ? [node.start, node.end, "''"]
      : undefined;
  },
};

/** Types are not run, and names of modules and properties are no values. */
function childrenOf(node: Node): Node[] {
  if (/^(?:Import|ExportAll)/.test(node.type)) return [];
  if (node.type.startsWith('TS')) return isNode(node.expression) ? [node.expression] : [];
  return Object.entries(node).flatMap(([key, value]) => {
    if (key === 'key' && node.computed !== true) return [];
    return (Array.isArray(value) ? value : [value]).filter(isNode);
  });
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** Every mutant of a TypeScript source, in the order of the text. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const found: Mutant[] = [];
  const visit = (node: Node, parents: readonly Node[]): void => {
    for (const [operator, change] of Object.entries(OPERATORS)) {
      const made = change(node, source, parents);
      if (made === undefined) continue;
      const [start, end, text] = made;
      const before = source.slice(0, start).split('\n');
      found.push({ file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1, operator, start, end, text });
    }
    for (const child of childrenOf(node)) visit(child, [...parents, node]);
  };
  visit(parseAst(source, { lang: 'ts' }) as unknown as Node, []);
  return found.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** The source with the change made. */
export function applied({ start, end, text }: Pick<Mutant, 'start' | 'end' | 'text'>, source: string): string {
  return source.slice(0, start) + text + source.slice(end);
}
