/** How client and worker tell people what happens: rarely, one line per thing to act on. */

/** From the least to the most urgent. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes one line. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Writes to the standard error stream; debug lines are left out. */
export const consoleLog: Log = (level, message, fields = {}) => {
  if (level === 'debug') return;
  const facts = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  process.stderr.write(`perdure ${level}: ${message}${facts.join('')}\n`);
};
