import { expect, test } from 'vitest';
import { displayWidth, formatFields, formatTable } from './table.ts';

test('columns are as wide as their widest cell; the last one ends the line', () => {
  expect(
    formatTable(
      ['A', 'BB'],
      [
        ['long cell', 'x'],
        ['s', ''],
      ],
    ),
  ).toBe('A          BB\nlong cell  x\ns\n');
});

test('wide and combining characters keep columns aligned', () => {
  expect(displayWidth('日本')).toBe(4);
  expect(displayWidth('e\u0301')).toBe(1);
  expect(
    formatTable(
      ['N', 'X'],
      [
        ['日本', '1'],
        ['abcd', '2'],
      ],
    ),
  ).toBe('N     X\n日本  1\nabcd  2\n');
});

test('lines are cut to the width of the terminal, never inside a character', () => {
  expect(formatTable(['A'], [['0123456789'], ['01234567']], { width: 8 })).toBe('A\n0123456…\n01234567\n');
  expect(formatTable(['A'], [['日本日本日']], { width: 6 })).toBe('A\n日本…\n');
});

test('control characters of user data do not reach the terminal', () => {
  expect(formatTable(['A'], [['a\u001b[31mb\nc']])).toBe('A\na [31mb c\n');
});

test('the header can stand out', () => {
  expect(formatTable(['A'], [], { bold: (text) => `*${text}*` })).toBe('*A*\n');
});

test('fields leave out what is not there', () => {
  expect(
    formatFields([
      ['id', '1'],
      ['none', undefined],
      ['longer', '2'],
    ]),
  ).toBe('id      1\nlonger  2\n');
});
