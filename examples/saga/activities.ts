// What would call three companies. There is no car in Venice.
import { ApplicationFailure } from '@perdure/sdk/workflow';

/** Who holds what, in the order of booking. */
export const booked = new Set<string>();
/** What was undone, in the order of undoing. */
export const undone: string[] = [];

function book(what: string, traveller: string): string {
  // A second attempt finds the booking of the first.
  booked.add(`${what} ${traveller}`);
  return `${what}-${traveller}`;
}

function cancel(what: string, traveller: string): void {
  if (booked.delete(`${what} ${traveller}`)) undone.push(`${what} ${traveller}`);
}

export async function bookFlight(traveller: string, _city: string): Promise<string> {
  return book('flight', traveller);
}

export async function cancelFlight(traveller: string): Promise<void> {
  cancel('flight', traveller);
}

export async function bookHotel(traveller: string, _city: string): Promise<string> {
  return book('hotel', traveller);
}

export async function cancelHotel(traveller: string): Promise<void> {
  cancel('hotel', traveller);
}

export async function bookCar(traveller: string, city: string): Promise<string> {
  if (city === 'Venice') throw ApplicationFailure.nonRetryable('there are no cars in Venice', 'NoCars');
  return book('car', traveller);
}

export async function cancelCar(traveller: string): Promise<void> {
  cancel('car', traveller);
}
