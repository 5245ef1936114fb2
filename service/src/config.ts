/** Settings: flags > environment (`PERDURE_…`) > YAML file > defaults. The only reader of the environment. */
import { readFileSync } from 'node:fs';
import type { ZodError, ZodType } from 'zod';
import { LOG_LEVELS, type LogLevel } from './telemetry/log.ts';

export const ROLES = ['frontend', 'history', 'matching'] as const;
export type Role = (typeof ROLES)[number];

export const DEFAULT_ADDRESS = '127.0.0.1:7233';
export const DEFAULT_NAMESPACE = 'default';

/** Settings of a server process. docs/configuration.md is written from `SETTINGS`. */
export interface Config {
  /** `host:port` to listen on; port 0 takes any free one. */
  readonly address: string;
  /** This version runs all roles in one process. */
  readonly roles: readonly Role[];
  /** `postgresql://…`; undefined where the command brings its own database. */
  readonly dbUrl: string | undefined;
  /** Allows another address than loopback although callers are not authenticated. */
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'text';
  /** Folder of the embedded database of `perdure dev`. */
  readonly dataDir: string;
}

type SettingName = keyof Config;

export interface Setting {
  readonly flag: string;
  readonly env: string;
  readonly default: string;
  readonly allowed: string;
  readonly about: string;
}

/** Every setting: its flag, its environment variable, its default, what it takes. The key is its name in the YAML file. */
export const SETTINGS: Readonly<Record<SettingName, Setting>> = {
  address: {
    flag: '--address',
    env: 'PERDURE_SERVER_ADDRESS',
    default: DEFAULT_ADDRESS,
    allowed: 'host:port, port 0 to 65535; IPv6 as [::1]:7233',
    about: 'where to listen',
  },
  roles: {
    flag: '--roles',
    env: 'PERDURE_ROLES',
    default: ROLES.join(','),
    allowed: `all of ${ROLES.join(', ')}`,
    about: 'what this process does',
  },
  dbUrl: {
    flag: '--db-url',
    env: 'PERDURE_DB_URL',
    default: '',
    allowed: 'postgresql://user:password@host:port/database',
    about:
      'the database, PostgreSQL 15 or later (CockroachDB: see operations.md); prefer the environment variable, flags are visible to other users',
  },
  insecure: {
    flag: '--insecure',
    env: 'PERDURE_INSECURE',
    default: 'false',
    allowed: 'true or false',
    about: 'serve other machines without authentication',
  },
  logLevel: {
    flag: '--log-level',
    env: 'PERDURE_LOG_LEVEL',
    default: 'info',
    allowed: LOG_LEVELS.join(', '),
    about: 'least level written',
  },
  logFormat: { flag: '--log-format', env: 'PERDURE_LOG_FORMAT', default: 'json', allowed: 'json, text', about: 'how log lines look' },
  dataDir: {
    flag: '--data-dir',
    env: 'PERDURE_DATA_DIR',
    default: './.perdure',
    allowed: 'a folder',
    about: 'where perdure dev keeps its embedded database',
  },
};

/** A wrong setting. The message names every wrong one: where it came from, what it was, what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface ConfigSources {
  /** Parsed flags by setting name; undefined where not given. */
  readonly flags: Readonly<Partial<Record<SettingName, string | boolean | undefined>>>;
  /** Path of the YAML file; else PERDURE_CONFIG; else none. */
  readonly file?: string | undefined;
  /** What a command wants instead of the general defaults. */
  readonly defaults?: Partial<Record<SettingName, string>>;
  /** For tests; else the environment of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

interface Found {
  readonly value: unknown;
  readonly source: string;
}

/** Reads and checks all settings. Throws ConfigError. */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const environment = sources.environment ?? process.env;
  const path = sources.file ?? environment.PERDURE_CONFIG;
  const file = path === undefined || path === '' ? {} : await readConfigFile(path);
  const found = {} as Record<SettingName, Found>;
  for (const name of settingNames()) found[name] = find(name, sources, environment, file, path ?? '');
  const values = Object.fromEntries(settingNames().map((name) => [name, normalize(name, found[name].value)]));
  const result = (await schema()).safeParse(values);
  if (!result.success) throw new ConfigError(explain(result.error, found));
  const config = result.data;
  if (!config.insecure && !isLoopback(config.address))
    throw new ConfigError(
      `${found.address.source}: ${config.address} can be reached from other machines, and callers are not authenticated. ` +
        'Listen on 127.0.0.1, localhost or [::1], or add --insecure if the network is closed.',
    );
  return config;
}

/** What the user commands take from the environment. Loads nothing, so that they start at once. */
export function clientSettings(environment: Readonly<Record<string, string | undefined>> = process.env): {
  address: string;
  namespace: string;
  noColor: boolean;
} {
  return {
    address: environment.PERDURE_ADDRESS || DEFAULT_ADDRESS,
    namespace: environment.PERDURE_NAMESPACE || DEFAULT_NAMESPACE,
    noColor: (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb',
  };
}

/** Splits `host:port`; undefined when it is not one. */
export function parseAddress(address: string): { host: string; port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(address);
  const port = Number(match?.[2]);
  return match?.[1] === undefined || port > 65_535 ? undefined : { host: match[1], port };
}

/** Only this machine can reach it. */
export function isLoopback(address: string): boolean {
  const host = parseAddress(address)?.host ?? '';
  return host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

function settingNames(): SettingName[] {
  return Object.keys(SETTINGS) as SettingName[];
}

function find(
  name: SettingName,
  { flags, defaults }: ConfigSources,
  environment: Readonly<Record<string, string | undefined>>,
  file: Record<string, unknown>,
  path: string,
): Found {
  const setting = SETTINGS[name];
  const flag = flags[name];
  if (flag !== undefined) return { value: flag, source: setting.flag };
  const variable = environment[setting.env];
  if (variable !== undefined && variable !== '') return { value: variable, source: setting.env };
  if (Object.hasOwn(file, name)) return { value: file[name], source: `${path}: ${name}` };
  return { value: defaults?.[name] ?? setting.default, source: `default of ${setting.flag}` };
}

/** Flags and environment hold text only; the file may hold lists and booleans. */
function normalize(name: SettingName, value: unknown): unknown {
  if (name === 'roles' && typeof value === 'string') return value.split(',').map((role) => role.trim());
  if (name === 'insecure' && (value === 'true' || value === '1')) return true;
  if (name === 'insecure' && (value === 'false' || value === '0')) return false;
  if (name === 'dbUrl' && value === '') return undefined;
  return value;
}

async function schema(): Promise<ZodType<Config>> {
  const { z } = await import('zod');
  return z.strictObject({
    address: z.string().refine((value) => parseAddress(value) !== undefined),
    roles: z.array(z.enum(ROLES)).refine((roles) => ROLES.every((role) => roles.includes(role))),
    dbUrl: z.union([z.undefined(), z.string().regex(/^postgres(ql)?:\/\//)]),
    insecure: z.boolean(),
    logLevel: z.enum(LOG_LEVELS as readonly [LogLevel, ...LogLevel[]]),
    logFormat: z.enum(['json', 'text']),
    dataDir: z.string().min(1),
  }) as ZodType<Config>;
}

function explain(error: ZodError, found: Record<SettingName, Found>): string {
  const wrong = new Set(error.issues.map((issue) => issue.path[0] as SettingName));
  return [...wrong]
    .map((name) => {
      // A database URL holds a password.
      const value = name === 'dbUrl' ? 'not such a URL' : `${JSON.stringify(found[name].value)} is not allowed`;
      const because = name === 'roles' ? ' (this version runs all three roles in one process)' : '';
      return `${found[name].source}: ${value}; allowed: ${SETTINGS[name].allowed}${because}`;
    })
    .join('\n');
}

async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`cannot read the configuration file ${path}: ${(error as Error).message}`);
  }
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(text) ?? {};
  } catch (error) {
    throw new ConfigError(`${path} is not YAML: ${(error as Error).message}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new ConfigError(`${path}: settings by name are expected`);
  const unknown = Object.keys(content).filter((name) => !Object.hasOwn(SETTINGS, name));
  if (unknown.length > 0) throw new ConfigError(`${path}: unknown setting ${unknown.join(', ')}; allowed: ${settingNames().join(', ')}`);
  return content as Record<string, unknown>;
}
