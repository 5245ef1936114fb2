/** The service's log: JSON lines of pino on stdout, or plain lines for people on stderr. One line per event an operator would act on. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Writes one line. `fields` must never hold secrets (database URLs, tokens, payloads). */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface LogOptions {
  readonly level: LogLevel;
  /** `json` for machines; `text` is one readable line: time, level, message, fields. */
  readonly format: 'json' | 'text';
}

/** Writes synchronously, so that the last line before an exit is not lost. */
export async function createLog(options: LogOptions): Promise<Log> {
  if (options.format === 'text') return createTextLog(options.level, (line) => process.stderr.write(`${line}\n`));
  const { pino } = await import('pino');
  const logger = pino(
    {
      level: options.level,
      base: { service: 'perdure' },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 1, sync: true }),
  );
  return (level, message, fields) => logger[level](fields ?? {}, message);
}

/** Exported for tests and for `perdure dev`. */
export function createTextLog(level: LogLevel, write: (line: string) => void): Log {
  const least = LOG_LEVELS.indexOf(level);
  return (lineLevel, message, fields) => {
    if (LOG_LEVELS.indexOf(lineLevel) < least) return;
    const details = Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${text(value)}`);
    write(`${new Date().toISOString()} ${lineLevel.padEnd(5)} ${message}${details.join('')}`);
  };
}

function text(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === 'string') return /^[\w.:/@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? inner.toString() : inner)) ?? 'undefined';
}
