/**
 * An own PostgreSQL for `perdure dev`, the demo and tests: durable, on 127.0.0.1, its data below one folder. A server
 * left behind by a killed process is found and adopted.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDatabase, whereIsData } from '../store/postgres/admin.ts';
import { type PostgresBinaries, preparePostgres } from './postgres-binaries.ts';

const USER = 'perdure';
const DATABASE = 'perdure';
/** Recovery after a power failure may take a while; anything longer needs a look at the log. */
const START_LIMIT_MS = 60_000;
const POLL_MS = 20;

/** Good for a durable server on a developer's machine. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  wal_compression: 'off',
  jit: 'off',
  fsync: 'on',
  synchronous_commit: 'on',
};

export interface PostgresOptions {
  /** Folder for data, password and log; made if absent. Relative paths are below the working directory. */
  readonly dataDir: string;
  /** Port on 127.0.0.1. Default: a free one. */
  readonly port?: number | undefined;
  /** True: a temporary folder in place of `dataDir`, removed by `stop`. */
  readonly ephemeral?: boolean | undefined;
  /** Server settings beside the usual ones. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface RunningPostgres {
  /** With user, password and database. */
  readonly url: string;
  readonly pid: number;
  /** True when a server left behind by another process was taken over. */
  readonly adopted: boolean;
  /** Ends the server; resolves when it is gone. */
  stop(): Promise<void>;
  /** Resolves within a second or so after the server has ended, however that came. Keeps no process alive. */
  ended(): Promise<void>;
}

interface Folder {
  readonly root: string;
  readonly data: string;
  readonly log: string;
  readonly password: string;
}

function openFolder(options: PostgresOptions): Folder {
  const root = options.ephemeral ? mkdtempSync(join(tmpdir(), 'perdure-')) : resolve(options.dataDir);
  mkdirSync(root, { recursive: true, mode: 0o711 });
  if (options.ephemeral) chmodSync(root, 0o711);
  const passwordFile = join(root, 'password');
  if (!existsSync(passwordFile)) writeFileSync(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  return { root, data: join(root, 'pg'), log: join(root, 'pg.log'), password: readFileSync(passwordFile, 'utf8').trim() };
}

function urlOf(folder: Folder, port: number, database = DATABASE): string {
  return `postgres://${USER}:${folder.password}@127.0.0.1:${port}/${database}`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function explain(what: string, text: string, hint: string): Error {
  if (/No space left on device/.test(text)) return new Error(`${what}: the disk is full. ${hint}`);
  if (/Address already in use|could not bind/.test(text)) return new Error(`${what}: the port is in use by another program. ${hint}`);
  const lines = text.split('\n').filter((line) => /FATAL|PANIC|error|HINT/i.test(line));
  return new Error(`${what}: ${(lines.length > 0 ? lines : text.trim().split('\n')).slice(-5).join('\n')}\n${hint}`);
}

/** Makes the data folder under another name first, so that an interrupted start leaves nothing half made. */
function initialise(folder: Folder, binaries: PostgresBinaries, sync: boolean): void {
  const unfinished = join(folder.root, 'pg.new');
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  binaries.giveAway(unfinished);
  const passwordFile = join(folder.root, 'password.init');
  writeFileSync(passwordFile, folder.password, { mode: 0o600 });
  binaries.giveAway(passwordFile);
  const args = [
    '-D',
    unfinished,
    '-U',
    USER,
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
    '--no-instructions',
  ];
  // One call for all of the thousand small files, where the system has it.
  const syncing = sync ? (process.platform === 'linux' ? ['--sync-method=syncfs'] : []) : ['--no-sync'];
  const [file, fullArgs] = binaries.command('initdb', [...args, ...syncing]);
  const done = spawnSync(file, fullArgs, { ...binaries.user, cwd: unfinished, encoding: 'utf8' });
  rmSync(passwordFile, { force: true });
  if (done.status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    throw explain(
      'PostgreSQL could not be set up',
      `${done.error?.message ?? ''}${done.stdout ?? ''}${done.stderr ?? ''}`,
      `Folder: ${folder.root}`,
    );
  }
  renameSync(unfinished, folder.data);
}

function checkVersion(folder: Folder): void {
  const version = readFileSync(join(folder.data, 'PG_VERSION'), 'utf8').trim();
  if (version !== '18')
    throw new Error(
      `${folder.data} was written by PostgreSQL ${version}; this is 18. Use another data folder or that version by --db-url.`,
    );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}

async function waitForEnd(pid: number, limitMs: number): Promise<boolean> {
  for (const end = Date.now() + limitMs; Date.now() < end; ) {
    if (!isAlive(pid)) return true;
    await delay(POLL_MS);
  }
  return !isAlive(pid);
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await delay(1_000, undefined, { ref: false });
}

/** Fast shutdown: sessions end, everything is written. Immediate shutdown when that takes too long: recovery at the next start. */
async function end(pid: number): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    if (await waitForEnd(pid, 10_000)) return;
  }
}

function endAtOnce(pid: number, root: string): void {
  try {
    process.kill(pid, 'SIGQUIT');
    rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  } catch {
    // The server was gone, or still writes: the system clears its temporary folder.
  }
}

/** The server that runs on this data folder, if it answers to our password; ends or forgets whatever else the pid file names. */
async function findLeftover(folder: Folder): Promise<{ pid: number; port: number } | undefined> {
  const file = join(folder.data, 'postmaster.pid');
  for (const limit = Date.now() + START_LIMIT_MS; existsSync(file) && Date.now() < limit; await delay(POLL_MS)) {
    const lines = readFileSync(file, 'utf8').split('\n');
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
    if (!isPostgres(pid)) {
      // The number was given to another program since; PostgreSQL itself would refuse to start.
      rmSync(file, { force: true });
      return undefined;
    }
    if (Number.isInteger(port) && port > 0) {
      const data = await whereIsData(urlOf(folder, port, 'postgres'));
      if (data !== undefined && resolve(data) === folder.data) return { pid, port };
    }
  }
  if (existsSync(file))
    throw new Error(`a PostgreSQL server uses ${folder.data} but does not answer: see ${folder.log}, end it and start again.`);
  return undefined;
}

function isPostgres(pid: number): boolean {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres';
    } catch {
      return false;
    }
  }
  const found = spawnSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' });
  return found.status !== 0 || found.stdout.includes('postgres');
}

function spawnServer(folder: Folder, binaries: PostgresBinaries, port: number, settings: Readonly<Record<string, string>>): ChildProcess {
  const flags = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [file, args] = binaries.command('postgres', ['-D', folder.data, '-p', String(port), ...flags]);
  const log = openSync(folder.log, 'w', 0o600);
  try {
    // Detached: Ctrl-C in a terminal reaches only the program that was started there, which stops the database last.
    return spawn(file, args, { ...binaries.user, cwd: folder.data, detached: true, stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

/** Resolves with the text of the log when the server ended, or undefined when it takes connections. */
async function waitUntilReady(child: ChildProcess, folder: Folder, port: number): Promise<string | undefined> {
  let failure = '';
  child.once('error', (error) => {
    failure = error.message;
  });
  for (const limit = Date.now() + START_LIMIT_MS; Date.now() < limit; await delay(POLL_MS)) {
    if (failure !== '') return failure;
    if (child.exitCode !== null || child.signalCode !== null) return readFileSync(folder.log, 'utf8');
    if ((await whereIsData(urlOf(folder, port, 'postgres'))) !== undefined) return undefined;
  }
  if (child.pid !== undefined) await end(child.pid);
  return `not ready within ${START_LIMIT_MS / 1000} s`;
}

/** Children of a killed server hold its shared memory until they notice, and a port may be lost to another program. */
async function startServer(folder: Folder, binaries: PostgresBinaries, options: PostgresOptions): Promise<{ pid: number; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const child = spawnServer(folder, binaries, port, options.settings ?? {});
    const problem = await waitUntilReady(child, folder, port);
    child.unref();
    if (problem === undefined && child.pid !== undefined) return { pid: child.pid, port };
    const passing =
      /pre-existing shared memory block/.test(problem ?? '') || (options.port === undefined && /could not bind/.test(problem ?? ''));
    if (!passing || attempt === 20) throw explain(`PostgreSQL did not start on port ${port}`, problem ?? '', `Log: ${folder.log}`);
    await delay(attempt * POLL_MS);
  }
}

/**
 * Starts PostgreSQL, or adopts the server that a killed process left on the same folder. Rejects with an Error that
 * says what to do when there is no package for this platform, the port is taken, the disk is full or the data is of
 * another version.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const folder = openFolder(options);
  try {
    const binaries = preparePostgres(folder.root);
    if (!existsSync(folder.data)) initialise(folder, binaries, options.ephemeral !== true);
    checkVersion(folder);
    const leftover = await findLeftover(folder);
    // Whether PostgreSQL runs as another user depends on the folders above, which may have changed.
    if (leftover === undefined) binaries.giveAway(folder.data);
    const { pid, port } = leftover ?? (await startServer(folder, binaries, options));
    await createDatabase(urlOf(folder, port, 'postgres'), DATABASE);
    // Nobody could adopt a server in a temporary folder, so it goes with its starter, however that ends.
    const leave = (): void => endAtOnce(pid, folder.root);
    if (options.ephemeral) process.once('exit', leave);
    const stop = async (): Promise<void> => {
      await end(pid);
      process.off('exit', leave);
      if (options.ephemeral) rmSync(folder.root, { recursive: true, force: true });
    };
    return { url: urlOf(folder, port), pid, adopted: leftover !== undefined, stop, ended: () => untilGone(pid) };
  } catch (error) {
    if (options.ephemeral) rmSync(folder.root, { recursive: true, force: true });
    throw error;
  }
}
