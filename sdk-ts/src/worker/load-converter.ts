/** The converter module outside of the sandbox: for activities, and for what the worker reads itself. */
import { pathToFileURL } from 'node:url';
import type { DataConverter } from '../common/data-converter.ts';
import type { PayloadConverter } from '../common/payload-converter.ts';
import { pathOf } from '../sandbox/bundle.ts';
import type { WorkerDataConverter } from './options.ts';

/** Rejects with TypeError when the module exports no payloadConverter. */
export async function loadConverter({ payloadConverterModule, ...converter }: WorkerDataConverter): Promise<DataConverter> {
  if (payloadConverterModule === undefined) return converter;
  const module = (await import(pathToFileURL(pathOf(payloadConverterModule)).href)) as { payloadConverter?: Partial<PayloadConverter> };
  const { payloadConverter } = module;
  if (typeof payloadConverter?.toPayload !== 'function' || typeof payloadConverter.fromPayload !== 'function') {
    throw new TypeError(
      `dataConverter.payloadConverterModule: ${payloadConverterModule} exports no payloadConverter with toPayload and fromPayload`,
    );
  }
  return { ...converter, payloadConverter: payloadConverter as PayloadConverter };
}
