// Libraries about dates: what they call "now" must be the time of the workflow.

import { sleep } from '@perdure/sdk/workflow';
import { addBusinessDays, differenceInCalendarDays, format, formatDistanceToNow, parseISO } from 'date-fns';
import dayjs from 'dayjs';
import duration from 'dayjs/plugin/duration';
import timezone from 'dayjs/plugin/timezone';
import utc from 'dayjs/plugin/utc';
import { DateTime, Interval } from 'luxon';
import moment from 'moment';

dayjs.extend(utc);
dayjs.extend(timezone);
dayjs.extend(duration);

export async function dateFns() {
  const start = new Date();
  await sleep('1d');
  const due = addBusinessDays(start, 3);
  return [format(due, 'yyyy-MM-dd EEEE'), differenceInCalendarDays(new Date(), start), formatDistanceToNow(parseISO('2026-07-01'))];
}

export async function dayjsLibrary() {
  const start = dayjs();
  await sleep('1d');
  const zoned = dayjs.tz('2026-07-04 12:00', 'America/New_York');
  return [start.format(), dayjs().diff(start, 'hour'), zoned.toISOString(), dayjs.duration(90, 'minutes').toISOString()];
}

export async function momentLibrary() {
  const start = moment();
  await sleep('1d');
  return [
    start.format(),
    moment().diff(start, 'hours'),
    moment.duration(2, 'days').humanize(),
    moment.utc('2026-02-28').add(1, 'd').toJSON(),
  ];
}

export async function luxon() {
  const start = DateTime.now();
  await sleep('1d');
  const there = DateTime.fromISO('2026-07-04T12:00', { zone: 'Europe/Berlin' });
  const shown = there.setLocale('de').toLocaleString(DateTime.DATE_FULL);
  return [start.toISO(), Interval.fromDateTimes(start, DateTime.now()).length('hours'), there.toUTC().toISO(), shown];
}
