// Another process, any time later: it knows nothing but the file.   node examples/one-shot/complete.ts <file>
import { readFile } from 'node:fs/promises';
import { Client } from '@perdure/sdk/client';

const [file = 'task.json'] = process.argv.slice(2);
const { token, customer } = JSON.parse(await readFile(file, 'utf8')) as { token: string; customer: string };

const client = new Client({ address: process.env.PERDURE_ADDRESS ?? '127.0.0.1:7233' });
await client.activity.complete(token, `${customer}, in ink`);
client.close();
console.log('  another process has brought the result');
