// Libraries that make ids: chance is that of the run.

import { sleep } from '@perdure/sdk/workflow';
import { customAlphabet, nanoid as makeId } from 'nanoid';
import { v4, v5, v7, validate } from 'uuid';

export async function nanoid() {
  const first = makeId();
  await sleep(1000);
  return [first, customAlphabet('abc', 8)(), makeId(5)];
}

export async function uuid() {
  const ids = [v4(), v7()];
  await sleep(1000);
  return [...ids, v7(), ids.every((id) => validate(id)), v5('a', v5.URL)];
}
