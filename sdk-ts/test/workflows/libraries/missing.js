// Libraries that need what workflow code does not have.

import { SignJWT } from 'jose';
import { firstValueFrom, timer } from 'rxjs';

export async function jose() {
  return await new SignJWT({ a: 1 }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode('secret'));
}

export async function rxjsTimer() {
  return await firstValueFrom(timer(1000));
}
