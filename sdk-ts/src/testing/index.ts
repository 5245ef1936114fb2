/** What @perdure/testing needs from inside the SDK. Use that package: this entry may change with every version. */
export { runInContext } from '../activity/context.ts';
export { type Duration, toMs } from '../common/duration.ts';
export { decodeValue, decodeValues, defaultPayloadConverter, encodeValues } from '../common/payload-converter.ts';
export { activityTable } from '../worker/options.ts';
