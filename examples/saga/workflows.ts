// A trip of three bookings. When one fails, those made before are undone, newest first; so too when the trip is cancelled.
import { proxyActivities, saga } from '@perdure/sdk/workflow';
import type * as activities from './activities.ts';

const { bookFlight, cancelFlight, bookHotel, cancelHotel, bookCar, cancelCar } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '100 milliseconds', maximumAttempts: 3 },
});

export interface Trip {
  readonly traveller: string;
  readonly city: string;
}

/** The three bookings' numbers. Whoever books may fail; nothing stays booked by half. */
export async function trip({ traveller, city }: Trip): Promise<readonly string[]> {
  return await saga(async (made) => {
    const booked: string[] = [];
    // Registered before the step: an attempt whose answer was lost may have booked. Undoing what was never booked does nothing.
    made.addCompensation(() => cancelFlight(traveller));
    booked.push(await bookFlight(traveller, city));
    made.addCompensation(() => cancelHotel(traveller));
    booked.push(await bookHotel(traveller, city));
    made.addCompensation(() => cancelCar(traveller));
    booked.push(await bookCar(traveller, city));
    return booked;
  });
}
