// Libraries that check values.

import { sleep } from '@perdure/sdk/workflow';
import Ajv from 'ajv';
import Joi from 'joi';
import * as v from 'valibot';
import * as yup from 'yup';
import { z } from 'zod';

const order = { id: 'a', amount: 3, when: '2026-01-01' };
const wrong = { id: '', amount: -1 };

export async function zod() {
  const Order = z.object({ id: z.string().min(1), amount: z.number().positive(), when: z.coerce.date().optional() });
  const good = Order.parse(order);
  await sleep(1000);
  return [good.when.toISOString(), Order.safeParse(wrong).error.issues.map(({ message }) => message)];
}

export async function valibot() {
  const Order = v.object({ id: v.pipe(v.string(), v.minLength(1)), amount: v.pipe(v.number(), v.minValue(0)) });
  const good = v.parse(Order, order);
  await sleep(1000);
  return [good, v.safeParse(Order, wrong).issues.map(({ message }) => message)];
}

export async function joi() {
  const Order = Joi.object({ id: Joi.string().required(), amount: Joi.number().positive(), when: Joi.date() });
  const good = Joi.attempt(order, Order);
  await sleep(1000);
  return [good.when.toISOString(), Order.validate(wrong, { abortEarly: false }).error.details.map(({ message }) => message)];
}

export async function yupLibrary() {
  const Order = yup.object({ id: yup.string().required(), amount: yup.number().positive(), when: yup.date() });
  const good = await Order.validate(order);
  await sleep(1000);
  const errors = await Order.validate(wrong, { abortEarly: false }).catch((error) => error.errors);
  return [good.when.toISOString(), errors];
}

export async function ajv() {
  const validate = new Ajv({ allErrors: true }).compile({
    type: 'object',
    properties: { id: { type: 'string', minLength: 1 }, amount: { type: 'number', minimum: 0 } },
    required: ['id'],
  });
  await sleep(1000);
  return [validate({ id: 'a', amount: 1 }), validate({ id: '', amount: -1 }), validate.errors.map(({ message }) => message)];
}
