/** What every workflow command needs: a connection, the way to print, errors for people. */
import { hostname, userInfo } from 'node:os';
import { styleText } from 'node:util';
import { clientSettings } from '../../config.ts';
import { PerdureError } from '../../errors.ts';
import { createRpcClient, type RpcClient, UnreachableError } from '../../rpc/client.ts';
import { CommandError } from '../outcome.ts';
import { type Json, toPlain } from '../output/plain.ts';
import type { CommonFlags } from './commands.ts';

export interface Session {
  readonly rpc: RpcClient;
  readonly namespace: string;
  readonly output: CommonFlags['output'];
  /** Who acts, for the log. */
  readonly identity: string;
  print(text: string): void;
  /** Prints one object in the chosen JSON form. */
  printJson(value: unknown): void;
  readonly bold: (text: string) => string;
  /** Columns to fit tables into; undefined when the output is not a terminal. */
  readonly width: number | undefined;
}

/** Runs `work` with a connection and closes it; errors of the service become messages. */
export async function withSession<T>(flags: CommonFlags, work: (session: Session) => Promise<T>): Promise<T> {
  const rpc = createRpcClient(flags.address);
  const colored = process.stdout.isTTY === true && !clientSettings().noColor;
  try {
    return await work({
      rpc,
      namespace: flags.namespace,
      output: flags.output,
      identity: `${user()}@${hostname()}`,
      print: (text) => void process.stdout.write(text),
      printJson: (value) => void process.stdout.write(`${toJsonText(toPlain(value), flags.output)}\n`),
      bold: colored ? (text) => styleText('bold', text) : (text) => text,
      width: process.stdout.isTTY === true ? process.stdout.columns : undefined,
    });
  } catch (error) {
    if (error instanceof PerdureError) throw new CommandError(`${error.message} (${error.reason})`);
    if (error instanceof UnreachableError)
      throw new CommandError(`${error.message}\nIs it running? \`perdure dev\` starts one; --address or PERDURE_ADDRESS names another.`);
    throw error;
  } finally {
    rpc.close();
  }
}

/** `json` is for eyes and jq, `jsonl` for line-wise reading. */
export function toJsonText(value: Json, output: CommonFlags['output']): string {
  return output === 'jsonl' ? JSON.stringify(value) : JSON.stringify(value, null, 2);
}

/** A JSON value in one line of a table. */
export function shortJson(value: unknown): string {
  return JSON.stringify(toPlain(value));
}

function user(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
