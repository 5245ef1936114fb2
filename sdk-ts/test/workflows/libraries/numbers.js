// Libraries about numbers.

import { sleep } from '@perdure/sdk/workflow';
import Big from 'big.js';
import BigNumber from 'bignumber.js';
import currency from 'currency.js';
import Decimal from 'decimal.js';

export async function big() {
  const sum = Big('0.1').plus('0.2');
  await sleep(1000);
  return [sum.toString(), Big(5).sqrt().round(5).toNumber()];
}

export async function bignumber() {
  const sum = new BigNumber('0.1').plus('0.2');
  await sleep(1000);
  return [sum.toFixed(), new BigNumber('1e21').toFormat(), BigNumber.random(5).isLessThan(1)];
}

export async function decimal() {
  const sum = Decimal.add('0.1', '0.2');
  await sleep(1000);
  return [sum.toString(), Decimal.exp(1).toDecimalPlaces(8).toString(), Decimal.random(5).lt(1)];
}

export async function currencyLibrary() {
  const price = currency('19.99').multiply(3);
  await sleep(1000);
  return [price.format(), currency(10).distribute(3).map(String)];
}
