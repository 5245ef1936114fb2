/** Where the program starts. */
import { enableCompileCache } from 'node:module';

// Compiled code is kept between starts: half of a command's time would go into compiling the same files again.
enableCompileCache();
const { runProgram } = await import('./cli/program.ts');

// A reader that has seen enough (`perdure workflow list | head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runProgram(process.argv.slice(2));
// Whatever is still open (a connection being closed) must not keep a finished command alive.
setTimeout(() => process.exit(), 1_000).unref();
