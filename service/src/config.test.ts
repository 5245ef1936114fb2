import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type ConfigSources, clientSettings, isLoopback, loadConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'perdure-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function yaml(text: string): string {
  const path = join(folder, 'perdure.yaml');
  writeFileSync(path, text);
  return path;
}

const load = (sources: Partial<ConfigSources>) => loadConfig({ flags: {}, environment: {}, ...sources });

test('defaults', async () => {
  expect(await load({})).toEqual({
    address: '127.0.0.1:7233',
    roles: ['frontend', 'history', 'matching'],
    dbUrl: undefined,
    insecure: false,
    logLevel: 'info',
    logFormat: 'json',
    dataDir: './.perdure',
  });
});

test('flags win over the environment, the environment over the file, the file over defaults', async () => {
  const file = yaml('address: 127.0.0.1:1\nlogLevel: error\nlogFormat: text\n');
  const environment = { PERDURE_SERVER_ADDRESS: '127.0.0.1:2', PERDURE_LOG_LEVEL: 'warn', PERDURE_CONFIG: file };
  const config = await load({ flags: { address: '127.0.0.1:3' }, environment });
  expect([config.address, config.logLevel, config.logFormat, config.dataDir]).toEqual(['127.0.0.1:3', 'warn', 'text', './.perdure']);
});

test('the file may hold lists and booleans', async () => {
  const config = await load({ file: yaml('roles: [matching, history, frontend]\ninsecure: true\naddress: 0.0.0.0:7233\n') });
  expect(config.roles).toEqual(['matching', 'history', 'frontend']);
  expect(config.insecure).toBe(true);
});

test.each([
  [{ flags: { logLevel: 'loud' } }, '--log-level: "loud" is not allowed; allowed: debug, info, warn, error'],
  [{ environment: { PERDURE_SERVER_ADDRESS: '7233' } }, 'PERDURE_SERVER_ADDRESS: "7233" is not allowed; allowed: host:port'],
  [{ flags: { address: 'localhost:70000' } }, '--address: "localhost:70000" is not allowed'],
  [{ flags: { roles: 'frontend,history' } }, 'this version runs all three roles in one process'],
  [{ flags: { roles: 'frontend,history,matching,cook' } }, 'allowed: all of frontend, history, matching'],
  [{ flags: { dbUrl: 'mysql://perdure:secret@host/db' } }, '--db-url: not such a URL; allowed: postgresql://'],
  [{ flags: { address: '0.0.0.0:7233' } }, 'add --insecure if the network is closed'],
])('R-API-6 and others: wrong setting %j stops the start', async (sources, message) => {
  await expect(load(sources)).rejects.toThrow(message);
});

test('all wrong settings are named at once, passwords never', async () => {
  const error = await load({ flags: { logLevel: 'x', logFormat: 'y', dbUrl: 'oracle://u:secret@h' } }).catch((e: Error) => e);
  expect((error as Error).message.split('\n')).toHaveLength(3);
  expect((error as Error).message).not.toContain('secret');
});

test.each([
  ['addres: x', 'unknown setting addres; allowed: address, roles'],
  ['- a', 'settings by name are expected'],
  ['a: [', 'is not YAML'],
])('wrong file %s', async (text, message) => {
  await expect(load({ file: yaml(text) })).rejects.toThrow(message);
});

test('a missing file is named', async () => {
  await expect(load({ file: '/nowhere/perdure.yaml' })).rejects.toThrow('cannot read the configuration file /nowhere/perdure.yaml');
});

test('wrong values of a file are named by path', async () => {
  const file = yaml('insecure: maybe\n');
  await expect(load({ file })).rejects.toThrow(`${file}: insecure: "maybe" is not allowed; allowed: true or false`);
});

test('loopback', () => {
  expect(['127.0.0.1:1', '127.9.9.9:1', 'localhost:1', '[::1]:1'].map(isLoopback)).toEqual([true, true, true, true]);
  expect(['0.0.0.0:1', '10.0.0.1:1', '[::]:1', 'localhost.example:1', '127.0.0.1.example:1'].map(isLoopback)).toEqual(Array(5).fill(false));
});

test('client settings come from the environment', () => {
  expect(clientSettings({})).toEqual({ address: '127.0.0.1:7233', namespace: 'default', noColor: false });
  expect(clientSettings({ PERDURE_ADDRESS: 'h:1', PERDURE_NAMESPACE: 'n', NO_COLOR: '1' })).toEqual({
    address: 'h:1',
    namespace: 'n',
    noColor: true,
  });
});
